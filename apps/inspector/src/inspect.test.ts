import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRegistryClients, type RegistryClients } from '@waybill/oci';
import { JobError } from '@waybill/stream';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createInspect, type InspectPayload } from './inspect.ts';

describe('the inspection job', () => {
  let registry: FakeRegistry;
  let clients: RegistryClients;
  const attempt = (number: number) => ({ signal: AbortSignal.timeout(10_000), attempt: number, correlationId: 'c' });
  const payload = (more: Partial<InspectPayload> = {}): InspectPayload => ({
    ...{ registry: registry.host, repository: 'team/app', tags: ['v1'], digest: null, pushEventId: 'p', ...more },
  });
  const failsAs = (code: string, retry: boolean) => (error: unknown) =>
    error instanceof JobError && error.code === code && error.retry === retry;

  before(async () => {
    registry = await startFakeRegistry();
    clients = createRegistryClients([{ name: 'a', host: registry.host, plainHttp: true }]);
  });
  after(async () => {
    await clients.close();
    await registry.close();
  });

  it('reads by digest what the push named, and by tag where it named none', async () => {
    const inspect = createInspect(clients);
    const target = { client: clients.forName('a'), repository: 'team/app', tag: 'v1' };
    const first = await pushImage(target, randomImage());
    const second = await pushImage(target, randomImage());
    assert.equal((await inspect(payload({ digest: first.digest }), attempt(1))).digest, first.digest);
    assert.equal((await inspect(payload(), attempt(1))).digest, second.digest);
  });

  it('looks three times before what is not there is not there', async () => {
    const inspect = createInspect(clients);
    await assert.rejects(inspect(payload({ tags: ['none'] }), attempt(2)), failsAs('CONTENT_NOT_FOUND', true));
    await assert.rejects(inspect(payload({ tags: ['none'] }), attempt(3)), failsAs('CONTENT_NOT_FOUND', false));
  });

  it('gives up at once on a registry that is not configured, and says which file to edit', async () => {
    const inspecting = createInspect(clients)(payload({ registry: 'other.test' }), attempt(1));
    await assert.rejects(inspecting, (error) => failsAs('REGISTRY_NOT_CONFIGURED', false)(error) && /registries\.yaml/.test(String(error)));
  });

  it('comes back after what may pass', async () => {
    registry.fail({ path: /manifests/, kind: 'answer', status: 429, headers: { 'retry-after': '60' } });
    await assert.rejects(
      createInspect(clients)(payload(), attempt(1)),
      (error) => failsAs('REGISTRY_RATE_LIMITED', true)(error) && (error as JobError).retryAfterMs === 60_000,
    );
  });
});
