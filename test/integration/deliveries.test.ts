// Stored deliveries are read again: by a real gateway what came in, by the command line as people use it, with a real reader downstream.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { topics, type Event, type EventOf, type Topic } from '@waybill/domain';
import { createCodec, createEventLog } from '@waybill/kafka';
import { decodeEvent, type Codec, type EventLog } from '@waybill/stream';
import { startStack, type Stack } from '../../infra/local/stack.ts';
import { eventually, readAll } from '../support/read-log.ts';

const root = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'waybill-deliveries-'));
const rangeCount = 300;
let stack: Stack;
let log: EventLog;
let codec: Codec;
/** The configuration of today, which names the registry; that of the gateway does not. */
const today = join(dir, 'today');

before(async () => {
  stack = await startStack({ dir, apps: ['gateway', 'dedup'] });
  log = await createEventLog({ brokers: [stack.brokers], clientId: 'test', countBy: topics.images.name });
  codec = await createCodec({ registryUrl: stack.schemaRegistryUrl });
  cpSync(stack.configDir, today, { recursive: true });
  const path = join(today, 'sources.yaml');
  const sources = readFileSync(path, 'utf8').replace(/^( *)kind: distribution$/m, '$1kind: distribution\n$1registryHost: registry.test');
  writeFileSync(path, sources);
});
after(async () => {
  await log?.close();
  await stack?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Without a host: the gateway cannot say of which registry it is, and parks it. */
const push = (tag: string, host?: string): string =>
  JSON.stringify({
    events: [
      {
        ...{ id: `push-${tag}`, action: 'push', timestamp: '2024-08-06T12:00:00Z', ...(host !== undefined && { request: { host } }) },
        target: {
          ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, size: 7 },
          ...{ repository: 'team/app', tag },
        },
      },
    ],
  });

async function post(body: string): Promise<string> {
  const authorization = `Bearer ${readFileSync(join(stack.secretsDir, 'distribution'), 'utf8').trim()}`;
  const response = await fetch(`${stack.gatewayUrl}/v1/webhooks/distribution`, { method: 'POST', headers: { authorization }, body });
  assert.equal(response.status, 202, await response.clone().text());
  return ((await response.json()) as { deliveryId: string }).deliveryId;
}

async function waybill(...words: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const places = { KAFKA_BROKERS: stack.brokers, SCHEMA_REGISTRY_URL: stack.schemaRegistryUrl, CONFIG_DIR: today, USER: 'operator' };
  const env = { ...process.env, ...places };
  const child = spawn(process.execPath, [join(root, 'apps/cli/src/main.ts'), 'deliveries', ...words], { env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

async function answer<T>(...words: readonly string[]): Promise<T> {
  const { code, out, err } = await waybill(...words, '-o', 'json');
  assert.equal(code, 0, err);
  return JSON.parse(out) as T;
}

const eventsOf = async (topic: Topic): Promise<readonly Event[]> =>
  Promise.all((await readAll(log, topic)).map((record) => decodeEvent(codec, record)));
const tagsIn = async (topic: Topic): Promise<readonly string[]> =>
  (await eventsOf(topic)).flatMap((event) => (event.type === 'ImagePushed' ? event.data.tags : [])).toSorted();
const passedOn = (count: number) => eventually(() => tagsIn(topics.images), (tags) => tags.length >= count, 30_000); // prettier-ignore

type List = { readonly deliveries: readonly { readonly id: string; readonly receivedAtMs: number; readonly parkedCode: string | null }[] };
type Replay = { readonly appended: number };

describe('a stored delivery', () => {
  let parkedId = '';

  it('is found by what became of it, and shown beside what it would become today', async () => {
    parkedId = await post(push('lost'));
    await post(push('read', 'registry.test'));
    const { deliveries } = await answer<List>('list', '--outcome', 'parked');
    assert.deepEqual(deliveries.map(({ id, parkedCode }) => [id, parkedCode]), [[parkedId, 'REGISTRY_MISSING']]); // prettier-ignore
    const { code, out } = await waybill('show', parkedId);
    assert.equal(code, 0);
    assert.match(out, /then parked[^]*read today as distribution: events[^]*new +ImagePushed/);
  });

  it('becomes what the gateway could not read, with its own time, and passes on as any other does', async () => {
    assert.equal((await answer<Replay>('replay', parkedId, '--dry-run')).appended, 1);
    assert.deepEqual(await tagsIn(topics.imageEvents), ['read']);
    assert.equal((await answer<Replay>('replay', parkedId, '--reason', 'the host is known now')).appended, 1);

    const delivery = (await eventsOf(topics.deliveries)).find(({ meta }) => meta.id === parkedId);
    const event = (await eventsOf(topics.imageEvents)).find(({ meta }) => meta.causationId === parkedId);
    assert.ok(delivery?.type === 'DeliveryReceived' && event?.type === 'ImagePushed');
    assert.deepEqual([event.meta.timeMs, event.data.receivedAtMs], [delivery.data.receivedAtMs, delivery.data.receivedAtMs]);
    const [trail] = (await eventsOf(topics.deliveryReplays)) as readonly EventOf<'DeliveryReplayed'>[];
    assert.deepEqual(
      [trail!.data.requestedBy, trail!.data.reason, trail!.data.eventIds],
      ['operator', 'the host is known now', [event.meta.id]],
    );
    assert.deepEqual(await passedOn(2), ['lost', 'read']);
  });

  it('changes nothing when it is replayed again, nor does one of which all was read', async () => {
    const { deliveries } = await answer<List>('list');
    for (const { id } of deliveries) assert.equal((await answer<Replay>('replay', id)).appended, 0);
    assert.deepEqual(await tagsIn(topics.imageEvents), ['lost', 'read']);
  });

  it('is the same event downstream when its sender repeats it after the replay', async () => {
    const { configDir } = stack;
    cpSync(today, configDir, { recursive: true });
    await stack.kill('gateway');
    await stack.ready('gateway', 60_000);
    await post(push('lost'));
    await post(push('after'));
    assert.deepEqual(await passedOn(3), ['after', 'lost', 'read']);
    const repeats = (await eventsOf(topics.imageEvents)).filter(({ data }) => 'tags' in data && data.tags.includes('lost'));
    assert.deepEqual([repeats.length, new Set(repeats.map(({ meta }) => meta.id)).size], [2, 1]);
  });
});

describe('a range of deliveries', () => {
  it('is read again in the order in which it came, once', async () => {
    const changed = readFileSync(join(today, 'sources.yaml'), 'utf8').replace('registryHost: registry.test', 'registryHost: other.test');
    const fromMs = Date.now();
    const tags = Array.from({ length: rangeCount }, (_, index) => `v${String(index).padStart(3, '0')}`);
    for (const tag of tags) await post(push(tag));
    await passedOn(3 + rangeCount);
    writeFileSync(join(today, 'sources.yaml'), changed);

    const range = ['reparse', '--endpoint', 'distribution', '--from', new Date(fromMs).toISOString()];
    type Reparse = Replay & { readonly deliveries: number; readonly verdicts: { readonly new: number; readonly gone: number } };
    const dry = await answer<Reparse>(...range, '--dry-run');
    assert.deepEqual([dry.deliveries, dry.appended, dry.verdicts.new, dry.verdicts.gone], Array(4).fill(rangeCount));
    assert.equal((await answer<Reparse>(...range, '--reason', 'a registry has moved')).appended, rangeCount);
    assert.equal((await answer<Reparse>(...range)).appended, 0);

    const found = (await eventsOf(topics.imageEvents)).filter(({ data }) => 'registry' in data && data.registry === 'other.test');
    assert.deepEqual(found.map(({ data }) => (data as { tags: readonly string[] }).tags[0]), tags); // prettier-ignore
    assert.equal((await passedOn(3 + 2 * rangeCount)).length, 3 + 2 * rangeCount);
  });
});
