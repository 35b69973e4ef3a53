import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { createRegistryClient } from '@waybill/oci';
import { registryConformance } from './conformance.ts';
import { startFakeRegistry } from './fake-registry.ts';
import { pushImage, randomImage } from './random-image.ts';

registryConformance('the fake registry', () => startFakeRegistry());
registryConformance('the fake registry with absolute locations, small pages and no referrers API', () =>
  startFakeRegistry({ relativeLocations: false, referrersApi: false, pageSizeMax: 1 }),
);

type Envelope = { readonly events: readonly { readonly action: string; readonly target: Readonly<Record<string, unknown>> }[] };

describe('notifications of the fake registry', () => {
  const bodies: Envelope[] = [];
  let refusals = 2;
  const endpoint = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const accepted = request.headers.authorization === 'Bearer t' && refusals-- <= 0;
      if (accepted) bodies.push(JSON.parse(Buffer.concat(chunks).toString()) as Envelope);
      response.writeHead(accepted ? 202 : 503).end();
    });
  });
  after(() => endpoint.close());

  it('come one by one, in order, again until they are accepted', async () => {
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/hook`;
    const registry = await startFakeRegistry({ notifications: { url, headers: { authorization: 'Bearer t' }, backoffMs: 2 } });
    const client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
    const { digest, sizeBytes, mediaType } = await pushImage({ client, repository: 'team/app', tag: 'v1' }, randomImage());
    await registry.notified();
    const events = bodies.flatMap((body) => body.events);
    assert.deepEqual(
      events.map(({ action, target }) => `${action} ${String(target['mediaType'])}`),
      ['push application/octet-stream', 'push application/octet-stream', `push ${mediaType}`],
    );
    const url1 = `http://${registry.host}/v2/team/app/manifests/${digest}`;
    assert.deepEqual(events[2]?.target, {
      mediaType,
      digest,
      size: sizeBytes,
      length: sizeBytes,
      repository: 'team/app',
      tag: 'v1',
      url: url1,
    });
    await client.close();
    await registry.close();
  });
});
