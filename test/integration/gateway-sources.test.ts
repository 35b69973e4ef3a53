// Goal: every kind of sender, set up as its page in docs/registries says, gets its pushes into the log, and nobody else does.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkSources } from '@waybill/app-kit';
import { topics, type Event } from '@waybill/domain';
import { createRegistryClient } from '@waybill/oci';
import { decodeEvent } from '@waybill/stream';
import { pushIndex, randomImage } from '@waybill/testing';
import { findCanonicalPush, sourceKinds, type CanonicalPush, type SourceKind } from '@waybill/webhook-sources';
import { sendSample } from '../../apps/cli/src/commands/sources-send.ts';
import { fakeConsole } from '../../apps/cli/src/console.fixture.ts';
import { readRecording } from '../../apps/cli/src/recording.ts';
import { eventually, readAll } from '../support/read-log.ts';
import { proofOf, recordingOf, startProvider, writeSources, type Proof, type Provider } from './gateway-sources.fixture.ts';
import { startCluster, type Cluster } from './stream.fixture.ts';

let cluster: Cluster;
let provider: Provider;
let gateway: ChildProcess;
let output = '';
let configDir = '';

before(async () => {
  [cluster, provider] = await Promise.all([startCluster(), startProvider()]);
  const { brokers, schemaRegistryUrl, secretsDir, ports, opsUrl } = cluster.stack;
  configDir = join(cluster.dir, 'sources');
  writeSources(configDir, secretsDir, sourceKinds, provider);
  const env = {
    ...{ PATH: process.env['PATH'], KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, CONFIG_DIR: configDir },
    ...{ SECRETS_DIR: secretsDir, HTTP_PORT: String(ports.gateway), OPS_PORT: String(ports.ops.gateway) },
  };
  const main = join(import.meta.dirname, '../../apps/gateway/src/main.ts');
  gateway = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [gateway.stdout!, gateway.stderr!]) stream.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const ready = async (): Promise<number> => (await fetch(`${opsUrl('gateway')}/readyz`)).status;
  const status = await eventually(
    () => ready().catch(() => 0),
    (code) => code === 200 || gateway.exitCode !== null,
    30_000,
  );
  assert.equal(status, 200, output);
});
after(async () => {
  if (gateway.exitCode === null) {
    gateway.kill('SIGTERM');
    await once(gateway, 'exit');
  }
  provider.close();
  await cluster.stop();
});

const post = (path: string, headers: Readonly<Record<string, string>>, body: Buffer | string): Promise<Response> =>
  fetch(`${cluster.stack.gatewayUrl}/v1/webhooks/${path}`, { method: 'POST', headers, body });

type Push = Extract<Event, { type: 'ImagePushed' }>;
const allPushes = async (): Promise<readonly Push[]> => {
  const events = await Promise.all((await readAll(cluster.log, topics.imageEvents)).map((record) => decodeEvent(cluster.codec, record)));
  return events.filter((event) => event.type === 'ImagePushed');
};
const pushesOf = async (kind: SourceKind): Promise<readonly Push[]> => (await allPushes()).filter(({ data }) => data.endpoint === kind);

/** In an order of their own: a batch may be of several repositories, and those are in several partitions. */
const sorted = (pushes: readonly CanonicalPush[]): readonly CanonicalPush[] =>
  pushes.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

describe('a sender that is set up as its page says', () => {
  for (const kind of sourceKinds)
    it(`of the kind ${kind} gets its pushes into the log, with their canonical fields`, async () => {
      const { headers, body, expected } = recordingOf(kind);
      const proof = proofOf(kind, body, cluster.stack.secretsDir, provider);
      const response = await post(proof.path, { ...headers, ...proof.headers }, body);
      assert.equal(response.status, 202, await response.text());
      const pushes = (await pushesOf(kind)).map(({ meta, type, data }) => findCanonicalPush({ id: meta.id, type, data })!);
      assert.deepEqual(sorted(pushes), sorted(expected));
    });
});

describe('waybill sources send', () => {
  it('sends a sample to every endpoint whose proof can be made here; what came before comes as no second event', async () => {
    const allIds = async (): Promise<ReadonlySet<string>> => new Set((await allPushes()).map(({ meta }) => meta.id));
    const ids = await allIds();
    const { endpoints, faults } = checkSources(configDir, { SECRETS_DIR: cluster.stack.secretsDir });
    assert.deepEqual(faults, []);
    const options = { output: 'json', url: cluster.stack.gatewayUrl, count: 1, secretId: undefined, tls: {}, nowMs: Date.now } as const;
    for (const endpoint of endpoints.filter(({ auth }) => auth.scheme !== 'oidc')) {
      const said = fakeConsole();
      const exitCode = await sendSample(endpoint, await readRecording(recordingOf(endpoint.kind).path), options, said.console);
      assert.equal(exitCode, 0, said.err());
      const { answers } = JSON.parse(said.out()) as { readonly answers: readonly [{ readonly body: { readonly events: number } }] };
      assert.ok(answers[0].body.events > 0, endpoint.name);
    }
    assert.deepEqual(await allIds(), ids);
  });
});

describe('a sender that cannot prove who it is', () => {
  it('is refused by every kind, and leaves nothing', async () => {
    const wrong = ({ headers, path }: Proof): Proof => {
      // Not the last character: in base64 a part of its bits means nothing. And digits, since hex means the same in either case.
      const garble = (text: string): string => text.replace(/.(?=.{4}$)/, (one) => (one === '1' ? '2' : '1'));
      const isInUrl = Object.keys(headers).length === 0;
      return {
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, garble(value)])),
        path: isInUrl ? garble(path) : path,
      };
    };
    const before = (await readAll(cluster.log, topics.deliveries)).length;
    for (const kind of sourceKinds) {
      const { headers, body } = recordingOf(kind);
      const proof = proofOf(kind, body, cluster.stack.secretsDir, provider);
      const garbled = wrong(proof);
      assert.equal((await post(garbled.path, { ...headers, ...garbled.headers }, body)).status, 401, kind);
      if (Object.keys(proof.headers).length > 0) assert.equal((await post(kind, headers, body)).status, 401, `${kind} without proof`);
    }
    assert.equal((await readAll(cluster.log, topics.deliveries)).length, before);
  });
});

describe('CNCF Distribution', () => {
  it('tells of a real push: the index and its children, and no layer', async () => {
    const host = cluster.stack.registryA;
    const client = createRegistryClient({ name: 'a', host, plainHttp: true });
    const index = await pushIndex({ client, repository: 'real/app', tag: 'v1' }, [randomImage(), randomImage({ architecture: 'arm64' })]);
    const pushes = await eventually(
      async () => (await pushesOf('distribution')).filter(({ data }) => data.repository === 'real/app'),
      (events) => events.length >= 3,
    );
    await client.close();
    assert.equal(pushes.length, 3);
    const tagged = pushes.find(({ data }) => data.tags.length > 0)!;
    assert.deepEqual([tagged.data.registry, tagged.data.tags, tagged.data.digest], [host, ['v1'], index.digest]);
  });
});

describe('Gitea', () => {
  const uuid = 'a5b0f3c0-0000-4000-8000-000000000001';
  /** As services/webhook/deliver.go does: one signature in all of its headers, and the words of GitHub and Gogs beside its own. */
  function send(payload: string, changed = payload): Promise<Response> {
    const secret = readFileSync(join(cluster.stack.secretsDir, 'gitea'), 'utf8').trim();
    const sha256 = createHmac('sha256', secret).update(payload).digest('hex');
    const sha1 = createHmac('sha1', secret).update(payload).digest('hex');
    const own = ['Gitea', 'Gogs', 'GitHub'].map((name) => ({ [`X-${name}-Event`]: 'package', [`X-${name}-Delivery`]: uuid }));
    const signatures = { 'X-Gitea-Signature': sha256, 'X-Gogs-Signature': sha256, 'X-Hub-Signature': `sha1=${sha1}` };
    const headers = {
      ...own[0],
      ...own[1],
      ...own[2],
      ...signatures,
      'X-Hub-Signature-256': `sha256=${sha256}`,
      'Content-Type': 'application/json',
    };
    return post('gitea', headers, changed);
  }
  const payload = JSON.stringify({
    action: 'created',
    package: {
      ...{ id: 1, type: 'container', name: 'signed', version: 'v1', created_at: '2026-01-31T12:00:00Z' },
      html_url: 'https://git.example.com/team/-/packages/container/signed/v1',
      owner: { login: 'team' },
    },
    sender: { login: 'ci' },
  });

  it('is believed by its signature over the body, and repeats a delivery as one event', async () => {
    assert.equal((await send(payload)).status, 202);
    assert.equal((await send(payload)).status, 202);
    const events = (await pushesOf('gitea')).filter(({ data }) => data.repository === 'team/signed');
    assert.deepEqual([new Set(events.map(({ meta }) => meta.id)).size, events[0]?.data.sourceDeliveryId], [1, uuid]);
  });
  it('is not believed once a byte of the body is another', async () =>
    assert.equal((await send(payload, payload.replace('v1', 'v2'))).status, 401));
});
