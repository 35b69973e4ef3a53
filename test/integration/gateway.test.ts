// Goal: what the gateway has answered with 202 is in the log, whatever is killed when; a real registry's notifications become events.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { topics, type DeliveryReceived, type Event, type RecordParked, type Topic } from '@waybill/domain';
import { createRegistryClient } from '@waybill/oci';
import { decodeEvent } from '@waybill/stream';
import { pushIndex, randomImage } from '@waybill/testing';
import { eventually, readAll } from '../support/read-log.ts';
import { startCluster, type Cluster } from './stream.fixture.ts';

type Answer = { readonly deliveryId: string; readonly events: number; readonly parked: number };

const root = join(import.meta.dirname, '../..');
const digest = `sha256:${'a'.repeat(64)}`;
let cluster: Cluster;
let gateway: ChildProcess;
let output = '';
let authorization = '';

before(async () => {
  cluster = await startCluster();
  authorization = `Bearer ${secret('distribution')}`;
  gateway = await startGateway();
});
after(async () => {
  gateway.kill('SIGKILL');
  await cluster.stop();
});

const secret = (name: string): string => readFileSync(join(cluster.stack.secretsDir, name), 'utf8').trim();

async function startGateway(): Promise<ChildProcess> {
  const { brokers, schemaRegistryUrl, configDir, secretsDir, ports } = cluster.stack;
  const env = {
    ...{ PATH: process.env['PATH'], KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, CONFIG_DIR: configDir },
    ...{ SECRETS_DIR: secretsDir, HTTP_PORT: String(ports.gateway), OPS_PORT: String(ports.ops.gateway), APPEND_TIMEOUT_MS: '2000' },
  };
  const child = spawn(process.execPath, [join(root, 'apps/gateway/src/main.ts')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const isUp = await eventually(
    () => ready().catch(() => 0),
    (status) => status === 200 || child.exitCode !== null,
    30_000,
  );
  assert.equal(isUp, 200, output);
  return child;
}

const ready = async (): Promise<number> => (await fetch(`${cluster.stack.opsUrl('gateway')}/readyz`)).status;

const post = (body: string | Buffer, path = 'distribution', headers: Record<string, string> = { authorization }): Promise<Response> =>
  fetch(`${cluster.stack.gatewayUrl}/v1/webhooks/${path}`, { method: 'POST', headers, body });

const push = (id: string, repository = 'load/app'): string =>
  JSON.stringify({
    events: [
      {
        ...{ id, action: 'push', timestamp: '2024-08-06T12:00:00Z', request: { host: 'registry.test' } },
        target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 7, repository, tag: 'v1' },
      },
    ],
  });

const eventsOf = async (topic: Topic): Promise<readonly Event[]> =>
  Promise.all((await readAll(cluster.log, topic)).map((record) => decodeEvent(cluster.codec, record)));

/** Ids of all deliveries in the log. */
const deliveryIds = async (): Promise<ReadonlySet<string>> =>
  new Set((await readAll(cluster.log, topics.deliveries)).map(({ headers }) => headers['ce_id']!.toString()));

/** Posts different pushes, `width` at a time, until told to stop or nobody answers; returns the ids that got 202. */
async function load(width: number, isOver: () => boolean): Promise<readonly string[]> {
  const accepted: string[] = [];
  const one = async (): Promise<void> => {
    while (!isOver()) {
      try {
        const response = await post(push(randomUUID()));
        if (response.status === 202) accepted.push(((await response.json()) as Answer).deliveryId);
      } catch {
        return; // Nobody listens any more.
      }
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return accepted;
}

/** Of their digests. */
const distinct = (events: readonly Event[]): number =>
  new Set(events.map(({ type, data }) => (type === 'ImagePushed' ? data.digest : undefined))).size;

describe('the gateway', () => {
  it('turns the notifications of a real registry into events', async () => {
    const host = cluster.stack.registryA;
    const client = createRegistryClient({ name: 'a', host, plainHttp: true });
    const index = await pushIndex({ client, repository: 'team/app', tag: 'v1' }, [randomImage(), randomImage({ architecture: 'arm64' })]);
    const pushes = await eventually(
      async () => (await eventsOf(topics.imageEvents)).filter(({ type, data }) => type === 'ImagePushed' && data.repository === 'team/app'),
      (events) => distinct(events) >= 3,
    );
    await client.close();
    // Counted by digest: a registry sends again what was not acknowledged in time.
    assert.equal(distinct(pushes), 3, 'the index and its two children; no blob');
    const tagged = pushes.find(({ type, data }) => type === 'ImagePushed' && data.tags[0] === 'v1')!;
    assert.ok(tagged.type === 'ImagePushed');
    assert.deepEqual([tagged.data.registry, tagged.data.digest, tagged.meta.correlationId], [host, index.digest, tagged.meta.id]);
    assert.ok((await deliveryIds()).has(tagged.meta.causationId!), 'its cause is the delivery');
  });

  it('gives one event id to one webhook that comes fifty times at once', async () => {
    const body = push(randomUUID(), 'team/repeated');
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(body)));
    assert.ok(answers.every(({ status }) => status === 202));
    const events = (await eventsOf(topics.imageEvents)).filter(({ meta }) => meta.subject.includes('team/repeated'));
    assert.ok(events.length >= 1 && events.length <= 50, 'those that came after the first was durable are not appended');
    assert.equal(new Set(events.map(({ meta }) => meta.id)).size, 1);
  });

  it('parks garbage and the unknown with their bytes, refuses 2 MB, and goes on', async () => {
    const largest = Buffer.alloc(1_048_576, 'x');
    for (const body of ['garbage', '{"events":[{"action":"explode"}]}', largest]) {
      const response = await post(body);
      assert.deepEqual([response.status, ((await response.json()) as Answer).parked], [202, 1]);
    }
    assert.equal((await post(Buffer.alloc(2_097_152, 'x'))).status, 413);
    assert.equal((await post(push(randomUUID()))).status, 202);
    const parked = (await eventsOf(topics.parked)).map(({ data }) => data as RecordParked);
    assert.deepEqual(parked.map(({ code }) => code).toSorted(), ['BODY_NOT_JSON', 'BODY_NOT_JSON', 'EVENT_UNKNOWN']);
    const bodies = await Promise.all(parked.map(async ({ value }) => ((await cluster.codec.decode(value!)).data as DeliveryReceived).body));
    assert.ok(bodies.some((body) => body.equals(largest)));
  });

  it('answers 503 with Retry-After while Kafka is away, and 202 again when it is back', async () => {
    await cluster.stack.hold('kafka');
    try {
      const startedAtMs = Date.now();
      const responses = await Promise.all(Array.from({ length: 20 }, () => post(push(randomUUID()))));
      assert.ok(Date.now() - startedAtMs < 10_000, 'the wait is bounded');
      for (const { status, headers } of responses) assert.deepEqual([status, headers.get('retry-after')], [503, '2']);
      assert.equal(await eventually(ready, (status) => status === 503, 3_000), 503);
    } finally {
      cluster.stack.release('kafka');
      await cluster.stack.ready('kafka', 60_000);
    }
    const body = push(randomUUID());
    const status = await eventually(
      async () => (await post(body)).status,
      (code) => code === 202,
    );
    assert.equal(status, 202);
    assert.equal(await ready(), 200);
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`has in the log whatever it answered with 202 before ${signal}`, async () => {
      const accepting = load(16, () => gateway.exitCode !== null || gateway.signalCode !== null);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const exited = once(gateway, 'exit');
      gateway.kill(signal);
      assert.deepEqual(await exited, signal === 'SIGTERM' ? [0, null] : [null, 'SIGKILL']);
      const accepted = await accepting;
      assert.ok(accepted.length > 50, `only ${accepted.length} were accepted: the test shows nothing`);
      const kept = await deliveryIds();
      assert.deepEqual(
        accepted.filter((id) => !kept.has(id)),
        [],
      );
      gateway = await startGateway();
    });
  }

  it('has written no secret anywhere', async () => {
    await post('{}', `dockerhub/${secret('dockerhub')}`, {});
    await post('{}', `dockerhub/${secret('dockerhub')}/more`, {});
    await post('{}', 'harbor', { authorization: secret('harbor') });
    const records = (await Promise.all([topics.deliveries, topics.parked].map((topic) => readAll(cluster.log, topic)))).flat();
    const written = Buffer.concat([Buffer.from(output), ...records.flatMap(({ value }) => value ?? [])]);
    assert.match(output, /"endpoint":"harbor"/);
    for (const name of ['distribution', 'harbor', 'dockerhub']) assert.ok(!written.includes(secret(name)), name);
  });
});
