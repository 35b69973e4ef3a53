// Registries that fail and come back, asked for real: replicator and policy behind one another, without a broker.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { repositoryKey, topics, type EventOf, type TypedRecord } from '@waybill/domain';
import { notLookedAt, unsaid } from '@waybill/domain/testing';
import { probeRegistry, type Registry } from '@waybill/oci';
import { topologyDriver } from '@waybill/stream/testing';
import { startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createPolicy } from '../../apps/policy/src/topology.ts';
import { withHealth, type Probe } from '../../apps/replicator/src/health.ts';
import { replicator } from '../../apps/replicator/src/topology.ts';

const startMs = Date.UTC(2026, 0, 10);
const neverCopied = () => Promise.reject(new Error('this test makes no copies'));
const image = { registry: 'a.test', repository: 'team/app' };
const published = (policyId: string, document: string): TypedRecord => ({
  type: 'PolicyPublished',
  data: { policyId, document, documentSha256: '', author: 'test', publishedAtMs: startMs, reason: '', previousSha256: null },
});
const document = (kind: string, name: string, spec: string): string =>
  `{ apiVersion: waybill/v1, kind: ${kind}, metadata: { name: ${name} }, spec: ${spec} }`;
const policies = {
  mirror: published(
    'mirror',
    document('ReplicationPolicy', 'mirror', '{ match: {}, replicate: [{ select: { jurisdictions: [EU] }, copies: 1 }] }'),
  ),
  'registry/b': published('registry/b', document('Registry', 'b', '{ host: b.test, jurisdiction: EU, role: primary }')),
  'registry/c': published('registry/c', document('Registry', 'c', '{ host: c.test, jurisdiction: EU, role: secondary }')),
};

describe('a secondary becomes active, missed updates are resynced:', () => {
  let registries: Readonly<Record<'b' | 'c', FakeRegistry>>;
  before(async () => {
    const [b, c] = await Promise.all([startFakeRegistry(), startFakeRegistry()]);
    registries = { b, c };
  });
  after(() => Promise.all(Object.values(registries).map((registry) => registry.close())));

  function startApps() {
    const settings: readonly Registry[] = Object.entries(registries).map(([name, { host }]) => ({ name, host, plainHttp: true }));
    const probe: Probe = ({ registry }, { signal }) =>
      probeRegistry(
        settings.find(({ name }) => name === registry)!,
        { timeoutMs: 10_000, signal },
      );
    const probing = { registries: ['b', 'c'], probe, intervalMs: 1_000, timeoutMs: 10_000, failuresMin: 3, successesMin: 2 };
    const limits = { timeoutMs: 1, concurrencyMax: 1, perTargetMax: 1, attemptsMax: 1 };
    const asking = topologyDriver(
      withHealth(
        replicator(neverCopied, (name) => name, limits),
        probing,
      ),
    );
    const deciding = topologyDriver(createPolicy());
    let [atMs, requestsRead] = [startMs, 0];
    deciding.table('policies', policies);
    asking.tellOf('health', { atMs });
    deciding.tellOf('policies', { atMs });

    const settle = (): void => {
      for (let [timer] = deciding.timers(); timer !== undefined; [timer] = deciding.timers()) {
        deciding.fire(timer.id, { atMs });
        for (const { meta, ...event } of deciding.emitted(topics.reviewRequests).slice(requestsRead)) {
          requestsRead += 1;
          deciding.pipe(topics.reviewRequests, repositoryKey(image), event, { id: meta.id, atMs });
        }
      }
    };
    const passOn = (): void => {
      const health = asking.emitted(topics.registryHealth) as readonly EventOf<'RegistryHealthChanged'>[];
      deciding.table('health', Object.fromEntries(health.map(({ type, data }) => [data.registry, { type, data }])));
      deciding.tellOf('health', { atMs });
      settle();
    };
    return {
      /** Asks each registry so often. */
      async ask(times: number): Promise<void> {
        for (let done = 0; done < times; done += 1)
          for (const { id, payload } of asking.jobs()) {
            const result = await probe(JSON.parse(payload) as never, { signal: AbortSignal.timeout(30_000) });
            asking.finishJob(id, result, { atMs: (atMs += 1_000) });
            passOn();
          }
      },
      push(tag: string, digest: string): void {
        const common = { ...image, tags: [tag], digest };
        const times = { occurredAtMs: (atMs += 1), receivedAtMs: atMs, source: 'test', endpoint: 'test' };
        deciding.pipe(topics.images, repositoryKey(image), { type: 'ImagePushed', data: { ...common, ...unsaid, ...times } }, { atMs });
        deciding.pipe(topics.inspections, repositoryKey(image), { type: 'ImageInspected', data: inspected(common) }, { atMs });
        settle();
      },
      decided: () =>
        (deciding.emitted(topics.decisions) as readonly EventOf<'ImageDecided'>[]).map(
          ({ data }) => `${data.tag} -> ${data.targets.map(({ registry }) => registry).join()}`,
        ),
      told: () => asking.emitted(topics.registryHealth).length,
    };
  }

  const inspected = (common: { registry: string; repository: string; tags: readonly string[]; digest: string }) => ({
    ...{ ...common, pushEventId: 'push', mediaType: 'm', kind: 'image', artifactType: null, sizeBytes: 1, platforms: [], annotations: {} },
    ...{ labels: {}, totalBytes: 1, referrers: [], subject: null, inspectedAtMs: startMs },
    ...notLookedAt,
  });

  it('by what registries answer, without a push and without moving what is there', async () => {
    const { ask, push, decided, told } = startApps();
    const [one, two] = ['1', '2'].map((letter) => `sha256:${letter.repeat(64)}`) as [string, string];
    await ask(2);
    push('v1', one);
    push('v2', one);
    registries.b.fail({ path: /^\/v2\/$/, kind: 'answer', status: 503, times: 3 });
    await ask(3);
    push('v2', two);
    push('v3', two);
    assert.deepEqual(decided(), ['v1 -> b', 'v2 -> b', 'v2 -> c', 'v3 -> c']);
    await ask(1);
    assert.equal(decided().length, 4, 'one answer is not enough');
    await ask(1);
    assert.deepEqual(decided().slice(4).toSorted(), ['v2 -> b', 'v3 -> b']);
    await ask(3);
    assert.deepEqual([decided().length, told()], [6, 4]);
  });
});
