import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { topics, type EventOf } from '@waybill/domain';
import { decodeEvent } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { memoryLog, pushes, reading, receive } from '../deliveries/memory-log.fixture.ts';
import { CliError } from '../exit.ts';
import { listDeliveries, type ListOptions } from './deliveries-list.ts';
import { replayDelivery, reparseDeliveries } from './deliveries-replay.ts';
import { showDelivery } from './deliveries-show.ts';

const host = 'registry.example';
let memory: ReturnType<typeof memoryLog>;
beforeEach(() => (memory = memoryLog()));

/** Today the endpoint `main` is told of which registry it speaks. */
const findReading = (endpoint: string) => (endpoint === 'gone' ? undefined : reading(endpoint, host));
const dependencies = () => ({ log: memory.log, codec: jsonCodec, findReading, append: memory.append });
const request = { requestedBy: 'ops', reason: 'the host is known now', requestedAtMs: 9_000 };

async function list(options: Partial<ListOptions> = {}) {
  const said = fakeConsole();
  await listDeliveries({ output: 'json', outcome: undefined, limit: 50, ...options }, memory.log, jsonCodec, said.console);
  return (JSON.parse(said.out()) as { deliveries: { id: string; events: number; parkedCode: string | null; place: string }[] }).deliveries;
}

async function replay(id: string, isDry = false) {
  const said = fakeConsole();
  const exit = await replayDelivery({ output: 'table', isDry, request, id }, dependencies(), said.console);
  return { exit, out: said.out() };
}

async function reparse(fromMs: number, toMs: number, more: { readonly isDry?: boolean; readonly offsetsMax?: number } = {}) {
  const said = fakeConsole();
  const options = { output: 'json', isDry: false, request, offsetsMax: 1_000, fromMs, toMs, ...more } as const;
  assert.equal(await reparseDeliveries(options, dependencies(), said.console), 0);
  return JSON.parse(said.out()) as { appended: number; deliveries: number; unread: number; unconfigured: number; verdicts: unknown };
}

const eventsIn = async (topic: { readonly name: string }) => Promise.all(memory.all(topic).map((record) => decodeEvent(jsonCodec, record)));
const replaysIn = async () => (await eventsIn(topics.deliveryReplays)) as readonly EventOf<'DeliveryReplayed'>[];

describe('deliveries list', () => {
  it('lists the newest first, across endpoints, with what each became', async () => {
    const parked = await receive(memory, pushes(['1']), { atMs: 1_000 });
    const read = await receive(memory, pushes(['2', '3'], host), { atMs: 2_000, endpoint: 'other' });
    const ignored = await receive(memory, { events: [] }, { atMs: 3_000 });
    const rows = await list();
    assert.deepEqual(
      rows.map(({ id, events, parkedCode }) => ({ id, events, parkedCode })),
      [
        { id: ignored, events: 0, parkedCode: null },
        { id: read, events: 2, parkedCode: null },
        { id: parked, events: 0, parkedCode: 'REGISTRY_MISSING' },
      ],
    );
  });

  it('tells bytes that came again from those that came before, also where they say the same', async () => {
    const body = pushes(['1']);
    await receive(memory, body, { atMs: 1_000 });
    for (const atMs of [2_000, 3_000]) await receive(memory, body, { atMs, registryHost: host });
    assert.deepEqual(
      (await list()).map(({ events, parkedCode }) => [events, parkedCode]),
      [
        [1, null],
        [1, null],
        [0, 'REGISTRY_MISSING'],
      ],
    );
  });

  it('finds the few of an outcome among many of another', async () => {
    const parked = await receive(memory, pushes(['first']), { atMs: 1 });
    for (let index = 0; index < 700; index++) await receive(memory, pushes([`v${index}`], host), { atMs: 1_000 + index });
    assert.deepEqual((await list({ outcome: 'parked', limit: 2 })).map(({ id }) => id), [parked]); // prettier-ignore
    assert.equal((await list({ outcome: 'events', limit: 7 })).length, 7);
    assert.deepEqual(await list({ outcome: 'ignored' }), []);
  });

  it('keeps to an endpoint and a time, also where a delivery was kept for a while before it came into the log', async () => {
    await receive(memory, pushes(['1'], host), { atMs: 5_000 });
    const late = await receive(memory, pushes(['2'], host), { atMs: 2_000 });
    await receive(memory, pushes(['3'], host), { atMs: 2_000, endpoint: 'other' });
    assert.deepEqual((await list({ endpoint: 'main', fromMs: 2_000, toMs: 5_000 })).map(({ id }) => id), [late]); // prettier-ignore
    assert.deepEqual((await list({ fromMs: 2_001, toMs: 5_000 })).length, 0);
  });

  it('fits a narrow terminal, and says when there is nothing', async () => {
    const said = fakeConsole(60);
    await listDeliveries({ output: 'table', outcome: undefined, limit: 5 }, memory.log, jsonCodec, said.console);
    assert.equal(said.out(), 'There is no such delivery.');
    await receive(memory, pushes(['1']), { atMs: 1_000 });
    await listDeliveries({ output: 'table', outcome: undefined, limit: 5 }, memory.log, jsonCodec, said.console);
    for (const line of said.out().split('\n')) assert.ok(line.length <= 60, line);
  });
});

describe('deliveries show', () => {
  const show = async (id: string) => {
    const said = fakeConsole();
    await showDelivery({ output: 'table', id }, dependencies(), said.console);
    return said.out();
  };

  it('shows headers, body, what became of it and what would today, by id and by place', async () => {
    const id = await receive(memory, pushes(['1']), { atMs: 1_000 });
    const text = await show(id);
    assert.match(text, /header user-agent test/);
    assert.match(text, /"repository": "team\/app"/);
    assert.match(text, /then parked: part 0: .*REGISTRY_MISSING/);
    assert.match(text, /read today as distribution: events/);
    assert.match(text, /new +ImagePushed +registry\.example\/team\/app:1/);
    assert.equal(await show((await list())[0]!.place), text);
  });

  it('shows bytes that came twice as two', async () => {
    const id = await receive(memory, pushes(['1'], host), { atMs: 1_000 });
    await receive(memory, pushes(['1'], host), { atMs: 2_000 });
    assert.equal((await show(id)).match(/^received/gm)?.length, 2);
  });

  it('is not steered by what a sender chose', async () => {
    const id = await receive(memory, Buffer.from('\u001b[2J not \u202e JSON'), { atMs: 1_000 });
    assert.doesNotMatch(await show(id), /[\u001b\u202e]/);
  });

  it('says no (1) of a delivery that is not there', async () => {
    for (const id of ['nobody', 'waybill.deliveries.v1/0/40', 'waybill.deliveries.v1/99/0', 'waybill.images.v1/0/0'])
      await assert.rejects(show(id), (error: unknown) => error instanceof CliError && error.exitCode === 1);
  });
});

describe('deliveries replay', () => {
  it('appends what today is read of it, with the id, the time and the cause that it would have had', async () => {
    const id = await receive(memory, pushes(['1', '2']), { atMs: 1_000 });
    const fresh = memoryLog();
    await receive(fresh, pushes(['1', '2']), { atMs: 1_000, registryHost: host });
    assert.equal((await replay(id)).exit, 0);
    assert.deepEqual(memory.all(topics.imageEvents), fresh.all(topics.imageEvents), 'byte for byte, as if it had been read so at once');
  });

  it('leaves a trail: who had what read again, why, and what came of it', async () => {
    const id = await receive(memory, pushes(['1']), { atMs: 1_000 });
    await replay(id);
    const [event] = await eventsIn(topics.imageEvents);
    const [trail, ...more] = await replaysIn();
    assert.deepEqual(more, []);
    assert.deepEqual(trail!.data, {
      ...{ deliveryId: id, endpoint: 'main', source: 'distribution', receivedAtMs: 1_000, eventIds: [event!.meta.id] },
      ...{ requestedBy: 'ops', reason: 'the host is known now', requestedAtMs: 9_000 },
    });
    assert.equal(trail!.meta.causationId, id);
  });

  it('appends nothing the second time, nor where all is there', async () => {
    const parked = await receive(memory, pushes(['1']), { atMs: 1_000 });
    const read = await receive(memory, pushes(['2'], host), { atMs: 2_000 });
    await replay(parked);
    const before = memory.all(topics.imageEvents).length;
    for (const id of [parked, read]) assert.match((await replay(id)).out, /same +ImagePushed[^]*Nothing new/);
    assert.equal(memory.all(topics.imageEvents).length, before);
    assert.equal((await replaysIn()).length, 1);
  });

  it('appends nothing in a dry run', async () => {
    const id = await receive(memory, pushes(['1']), { atMs: 1_000 });
    assert.match((await replay(id, true)).out, /1 new event would be appended/);
    assert.deepEqual([memory.all(topics.imageEvents), memory.all(topics.deliveryReplays)], [[], []]);
  });

  it('says what is said otherwise today, and that nothing changes it', async () => {
    const id = await receive(memory, pushes(['1'], 'other.example'), { atMs: 1_000 });
    const { out } = await replay(id);
    assert.match(out, /new +ImagePushed +registry\.example/);
    assert.match(out, /gone +ImagePushed +other\.example/);
  });

  it('names the fields that differ under one id, and appends nothing for them', async () => {
    const id = await receive(memory, pushes(['1'], host), { atMs: 1_000 });
    const [record] = memory.all(topics.imageEvents);
    const said = JSON.parse(record!.value!.toString()) as { data: { artifactKind: string } };
    said.data.artifactKind = 'image';
    (record as { value: Buffer }).value = Buffer.from(JSON.stringify(said));
    assert.match((await replay(id)).out, /changed +ImagePushed .* artifactKind\n[^]*Nothing new/);
  });

  it('says no (1) where some of it still cannot be read, and appends the rest', async () => {
    const { events } = pushes(['1']);
    const id = await receive(memory, { events: [...events, 7] }, { atMs: 1_000 });
    const { exit, out } = await replay(id);
    assert.equal(exit, 1);
    assert.match(out, /part 1 cannot be read: .*EVENT_NOT_AN_OBJECT/);
    assert.equal(memory.all(topics.imageEvents).length, 1);
  });

  it('tells how to settle what was parked', async () => {
    const { out } = await replay(await receive(memory, pushes(['1']), { atMs: 1_000 }));
    assert.match(out, /waybill parked drop waybill\.parked\.v1\/\d\/0 --reason/);
  });

  it('finds what was parked by its place in `waybill parked list`, and by its id after the delivery itself is gone', async () => {
    const id = await receive(memory, pushes(['1']), { atMs: 1_000 });
    const partition = memory.log.partitionOf(id);
    assert.match((await replay(`waybill.parked.v1/${partition}/0`, true)).out, /1 new event would be appended/);
    memory.forget(topics.deliveries);
    assert.match((await replay(id)).out, /1 new event appended/);
    const [event] = await eventsIn(topics.imageEvents);
    assert.deepEqual([event!.meta.causationId, event!.meta.timeMs], [id, 1_000]);
  });

  it('refuses (1) what came to an endpoint that is not configured any more', async () => {
    const id = await receive(memory, pushes(['1']), { atMs: 1_000, endpoint: 'gone' });
    await assert.rejects(replay(id), (error: unknown) => error instanceof CliError && error.exitCode === 1 && /gone/.test(error.message));
  });
});

describe('deliveries reparse', () => {
  it('reads a range again in the order in which it came, once', async () => {
    for (let index = 0; index < 500; index++) await receive(memory, pushes([`v${index}`]), { atMs: 1_000 + index });
    const { appended, deliveries, verdicts } = await reparse(1_100, 1_400);
    assert.deepEqual([appended, deliveries, verdicts], [300, 300, { same: 0, changed: 0, new: 300, gone: 0 }]);
    const subjects = (await eventsIn(topics.imageEvents)).map(({ meta }) => meta.subject);
    assert.deepEqual(
      subjects,
      Array.from({ length: 300 }, (_, index) => `${host}/team/app:v${index + 100}`),
    );
    assert.deepEqual((await reparse(1_100, 1_400)).appended, 0);
    assert.equal((await replaysIn()).length, 300);
  });

  it('appends an occurrence once that two deliveries tell', async () => {
    await receive(memory, pushes(['1']), { atMs: 1_000 });
    await receive(memory, { ...pushes(['1']), again: true }, { atMs: 2_000 });
    const { appended, verdicts } = await reparse(0, 5_000);
    assert.deepEqual([appended, verdicts], [1, { same: 1, changed: 0, new: 1, gone: 0 }]);
  });

  for (const isWritten of [false, true])
    it(`goes on where it was broken off, when what failed ${isWritten ? 'is in the log after all' : 'is not in the log'}`, async () => {
      for (let index = 0; index < 600; index++) await receive(memory, pushes([`v${index}`]), { atMs: 1_000 + index });
      let calls = 0;
      const append: typeof memory.append = async (records) => {
        const isFailing = ++calls === 2;
        if (!isFailing || isWritten) await memory.append(records);
        if (isFailing) throw new Error('no answer');
      };
      const options = { output: 'json', isDry: false, request, offsetsMax: 10_000, fromMs: 0, toMs: 5_000 } as const;
      await assert.rejects(reparseDeliveries(options, { ...dependencies(), append }, fakeConsole().console), /no answer/);
      const { appended } = await reparse(0, 5_000, { offsetsMax: 10_000 });
      assert.equal(appended, isWritten ? 0 : 100);
      const ids = (await eventsIn(topics.imageEvents)).map(({ meta }) => meta.id);
      assert.deepEqual([ids.length, new Set(ids).size], [600, 600]);
    });

  it('counts what cannot be read and what nothing says how to read, and goes on', async () => {
    await receive(memory, Buffer.from('garbage'), { atMs: 1_000 });
    await receive(memory, pushes(['1']), { atMs: 1_001, endpoint: 'gone' });
    await receive(memory, pushes(['2']), { atMs: 1_002 });
    const { appended, deliveries, unread, unconfigured } = await reparse(0, 5_000);
    assert.deepEqual([appended, deliveries, unread, unconfigured], [1, 3, 1, 1]);
  });

  it('refuses (1) more than was allowed, and appends nothing in a dry run', async () => {
    for (let index = 0; index < 20; index++) await receive(memory, pushes([`v${index}`]), { atMs: 1_000 + index });
    await assert.rejects(reparse(0, 5_000, { offsetsMax: 10 }), (error: unknown) => error instanceof CliError && error.exitCode === 1);
    assert.equal((await reparse(0, 5_000, { isDry: true })).appended, 20);
    assert.deepEqual(memory.all(topics.imageEvents), []);
  });
});
