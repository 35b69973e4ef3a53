import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Job } from '@waybill/domain';
import type { Draft } from './draft.ts';
import { StreamError } from './errors.ts';
import type { LogRecord, Writer } from './event-log.ts';
import { command, heldRows, output, parkedEvents, placeAt, request, standing, start, until } from './held.fixture.ts';
import { drainedMax, heldBytesMax, heldRow, heldStore } from './held.ts';
import { MemoryLog } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';

describe('a record that the stage cannot take', () => {
  it('holds back what has its topic and key, and nothing else', async () => {
    const log = new MemoryLog();
    const { task } = await start(log, { poison: new Set(['a0', 'null5']) });
    await task.takeRecords([request(0, 'a'), request(1, 'b'), request(2, 'a'), request(3, 'b'), request(4, 'a')]);
    await task.takeRecords([request(5, null), request(6, null), request(7, 'a'), request(8, '')]);
    assert.deepEqual(log.keys(output), ['b1', 'b3', 'null6', '8']);
    assert.deepEqual(standing(log), ['0 parked 1', '2 waiting 0', '4 waiting 0', '5 parked 1', '7 waiting 0']);
    assert.deepEqual(
      parkedEvents(log).map(({ data }) => [data.offset, data.code, data.reason]),
      [
        [0, 'STAGE_FAILED', 'cannot read a0'],
        [5, 'STAGE_FAILED', 'cannot read null5'],
      ],
    );
    assert.equal(log.offsets.get(topics.scanRequests.name), 9);
    await task.close();
  });

  it('keeps every byte of itself and of those behind it', async () => {
    const log = new MemoryLog();
    const { task } = await start(log);
    const key = Buffer.from([0, 0, 0, 0, 255]);
    const headers = { ...request(1, 'a').headers, empty: Buffer.alloc(0), bytes: Buffer.from([0, 255]) };
    const sent = [
      request(0, 'a', { key, value: Buffer.from([0, 1, 2, 0xff]), headers: {} }),
      request(1, 'a', { key, headers }),
      request(2, 'a', { key: Buffer.from([0, 0, 0, 0, 254]) }),
      request(3, 'z', { value: null }),
    ];
    await task.takeRecords(sent);
    assert.deepEqual(standing(log), ['0 parked 1', '1 waiting 0', '3 parked 1']);
    const kept = heldRows(log).map(({ offset, key: held, value, headers: list }) => [
      offset,
      held,
      value,
      list.map((each) => [each.name, each.value]),
    ]);
    const wanted = [0, 1, 3].map((offset) => {
      const record = sent[offset]!;
      return [offset, record.key, record.value, Object.entries(record.headers)];
    });
    assert.deepEqual(kept, wanted);
    await task.close();
  });

  it('is kept by its place alone where it is longer than any topic takes', () => {
    const long = request(0, 'a', { value: Buffer.alloc(heldBytesMax) });
    const row = heldRow('scanner', long, undefined, 1);
    assert.deepEqual([row.status, row.value, row.code], ['parked', null, 'RECORD_UNDECODABLE']);
    assert.match(row.reason!, /too many to be kept/);
  });
});

describe('retrying', () => {
  it('runs the record and those behind it in order, with the ids that they would have had', async () => {
    const [log, smooth] = [new MemoryLog(), new MemoryLog()];
    const requests = [request(0, 'a'), request(1, 'a'), request(2, 'b'), request(3, 'a')];
    const poison = new Set(['a0']);
    const { task, ignored } = await start(log, { poison });
    await task.takeRecords(requests);
    poison.clear();
    await Promise.all([task.takeRecords([command(0, placeAt(0))]), task.takeRecords([request(4, 'a')])]);
    await task.takeRecords([request(5, 'a'), command(1, placeAt(0))]);
    assert.deepEqual(log.keys(output), ['b2', 'a0', 'a1', 'a3', 'a4', 'a5']);
    assert.deepEqual(heldRows(log), []);
    const untroubled = await start(smooth);
    await untroubled.task.takeRecords([...requests, request(4, 'a'), request(5, 'a')]);
    const events = (of: MemoryLog) => of.records.get(output)!.map(({ key, value, headers }) => ({ key: key!.toString(), value, headers }));
    const byKey = (each: { readonly key: string }, other: { readonly key: string }) => (each.key < other.key ? -1 : 1);
    assert.deepEqual(events(log).toSorted(byKey), events(smooth).toSorted(byKey));
    assert.deepEqual(ignored(), ['a command for what is not parked'], 'the second command changes nothing');
    await Promise.all([task.close(), untroubled.task.close()]);
  });

  it('that fails again is told anew, and leaves the others where they are', async () => {
    const log = new MemoryLog();
    const { task } = await start(log, { poison: new Set(['a0']) });
    await task.takeRecords([request(0, 'a'), request(1, 'a')]);
    await task.takeRecords([command(0, placeAt(0))]);
    await task.takeRecords([command(1, placeAt(0))]);
    assert.deepEqual(standing(log), ['0 parked 3', '1 waiting 0']);
    assert.equal(new Set(parkedEvents(log).map(({ id }) => id)).size, 3);
    assert.deepEqual(log.keys(output), []);
    await task.close();
  });

  it('goes on to the next failure', async () => {
    const log = new MemoryLog();
    const poison = new Set(['a0', 'a2']);
    const { task } = await start(log, { poison });
    await task.takeRecords([request(0, 'a'), request(1, 'a'), request(2, 'a'), request(3, 'a')]);
    poison.delete('a0');
    await task.takeRecords([command(0, placeAt(0))]);
    assert.deepEqual(
      [log.keys(output), standing(log)],
      [
        ['a0', 'a1'],
        ['2 parked 1', '3 waiting 0'],
      ],
    );
    await task.close();
  });
});

describe('dropping', () => {
  it('takes a record out of the line, and lets the others go on', async () => {
    const log = new MemoryLog();
    const { task } = await start(log, { poison: new Set(['a0']) });
    await task.takeRecords([request(0, 'a'), request(1, 'a'), request(2, 'a')]);
    await task.takeRecords([command(0, placeAt(1), { drop: true })]);
    assert.deepEqual(standing(log), ['0 parked 1', '2 waiting 0']);
    await task.takeRecords([command(1, placeAt(0), { drop: true })]);
    assert.deepEqual([log.keys(output), heldRows(log)], [['a2'], []]);
    await task.close();
  });
});

describe('a command', () => {
  it('that is early, wrong, unreadable or for another app changes nothing', async () => {
    const log = new MemoryLog();
    const { task, ignored } = await start(log, { poison: new Set(['a0']) });
    const garbage = { ...command(4, ''), value: Buffer.from('garbage') };
    await task.takeRecords([command(0, placeAt(0)), command(1, 'x'.repeat(2_000)), command(2, placeAt(0), { app: 'policy' })]);
    await task.takeRecords([request(0, 'a'), request(1, 'a')]);
    await task.takeRecords([command(3, placeAt(1)), garbage, { ...garbage, offset: 5, value: null }, command(6, 'j', { kind: 'job' })]);
    assert.deepEqual(standing(log), ['0 parked 1', '1 waiting 0']);
    const [unknown, unreadable] = ['a command for what is not parked', 'no command that can be read'];
    assert.deepEqual(ignored(), [unknown, unknown, unknown, unreadable, unreadable, unknown]);
    assert.equal(log.offsets.get(topics.parkedCommands.name), 7);
    await task.close();
  });
});

describe('a line that goes on', () => {
  const count = 2 * drainedMax + 200;
  const line = Array.from({ length: count }, (_, offset) => request(offset, 'a'));
  const digests = line.map(({ offset }) => `a${offset}`);

  /** The log with all of the line held, and its first mended. */
  async function heldLine(): Promise<MemoryLog> {
    const log = new MemoryLog();
    const { task } = await start(log, { poison: new Set(['a0']) });
    await task.takeRecords(line);
    assert.equal(heldRows(log).length, count);
    await task.close();
    return log;
  }

  it('does so in transactions that are bounded, and outlives the loss of its task and store', async () => {
    const log = await heldLine();
    let commits = 0;
    const dying: Writer = { ...log.openWriter(), close: async () => undefined };
    const port = log.port({
      openWriter: async () => {
        const writer = log.openWriter();
        const commit: Writer['commit'] = async (transaction) => {
          if (++commits > 2) throw new StreamError('FENCED', 'killed');
          return writer.commit(transaction);
        };
        return { ...dying, commit };
      },
    });
    const membership = { verify: async () => Promise.reject(new StreamError('FENCED', 'gone')) };
    const first = await start(log, { port, membership });
    await first.task.takeRecords([command(0, placeAt(0))]);
    await until(() => first.task.isClosed);
    assert.deepEqual(log.keys(output), digests.slice(0, 2 * drainedMax));
    const second = await start(log);
    await until(() => heldRows(log).length === 0);
    await second.task.takeRecords([request(count, 'a')]);
    assert.deepEqual(log.keys(output), [...digests, `a${count}`]);
    await Promise.all([first.task.close(), second.task.close()]);
  });

  for (const isDone of [false, true])
    it(`runs each once and in order when an answer is lost ${isDone ? 'after' : 'before'} it was done, in every transaction`, async () => {
      for (const lost of [1, 2, 3]) {
        const log = await heldLine();
        let commits = 0;
        const port = log.port({
          openWriter: async () => {
            const writer = log.openWriter();
            const commit: Writer['commit'] = async (transaction) => {
              const isLost = ++commits === lost;
              if (isLost && !isDone) throw new StreamError('COMMIT_UNCERTAIN', 'lost before');
              const written = await writer.commit(transaction);
              if (isLost) throw new StreamError('COMMIT_UNCERTAIN', 'lost after');
              return written;
            };
            return { ...writer, commit };
          },
        });
        const { task, faults } = await start(log, { port });
        await task.takeRecords([command(0, placeAt(0))]);
        await until(() => heldRows(log).length === 0);
        await task.takeRecords([request(count, 'a')]);
        assert.deepEqual(log.keys(output), [...digests, `a${count}`], `transaction ${lost}`);
        assert.equal(faults.length, 1);
        await task.close();
      }
    });

  it('is not run by a task that another has overtaken', async () => {
    const log = new MemoryLog();
    const poison = new Set(['a0']);
    const membership = { verify: async () => Promise.reject(new StreamError('FENCED', 'gone')) };
    const zombie = await start(log, { poison, membership });
    await zombie.task.takeRecords([request(0, 'a'), request(1, 'a')]);
    const heir = await start(log);
    await heir.task.takeRecords([command(0, placeAt(0))]);
    poison.clear();
    await assert.rejects(zombie.task.takeRecords([command(0, placeAt(0)), command(1, placeAt(0))]), { code: 'FENCED' });
    assert.deepEqual(log.keys(output), ['a0', 'a1']);
    await Promise.all([zombie.task.close(), heir.task.close()]);
  });
});

describe('too much that is held', () => {
  it('stops the partition without a loss, while commands get through', async () => {
    const log = new MemoryLog();
    const poison = new Set(['a0', 'b3']);
    const { task, faults, ignored } = await start(log, { poison, heldMax: { rows: 3, bytes: Infinity } });
    await task.takeRecords([request(0, 'a'), request(1, 'a'), request(2, 'a')]);
    let isTaken = false;
    const stuck = task.takeRecords([request(3, 'b'), request(4, 'b'), request(5, 'c')]).then(() => (isTaken = true));
    await until(() => faults.length > 2);
    assert.ok(faults.every((fault) => fault instanceof StreamError && fault.code === 'HELD_FULL' && /parked list/.test(fault.message)));
    assert.deepEqual([isTaken, heldRows(log).length, log.keys(topics.scannerHeld.name).length], [false, 3, 3]);
    await task.takeRecords([command(0, placeAt(0), { drop: true })]);
    await stuck;
    assert.deepEqual(log.keys(output), ['a1', 'a2', 'c5']);
    assert.deepEqual(standing(log), ['3 parked 1', '4 waiting 0']);
    assert.deepEqual(ignored(), [], 'the command was done once');
    await task.close();
  });
});

describe('too many bytes that are held', () => {
  it('stop the partition as too many records do, headers counted, also after a restart', async () => {
    const log = new MemoryLog();
    const max = { rows: Infinity, bytes: 10_000 };
    const big = (offset: number): LogRecord =>
      request(offset, 'a', { headers: { ...request(offset, 'a').headers, x: Buffer.alloc(6_000) } });
    const first = await start(log, { poison: new Set(['a0']), heldMax: max });
    await first.task.takeRecords([request(0, 'a'), big(1)]);
    await first.task.takeRecords([big(2)]);
    await first.task.close();
    const { task, faults } = await start(log, { poison: new Set(['a0']), heldMax: max });
    const stuck = task.takeRecords([request(3, 'b')]);
    await until(() => faults.length > 1);
    assert.match((faults[0] as StreamError).message, /^3 records \(1[23]\d{3} bytes\) of partition 0 of scanner wait/);
    await task.takeRecords([command(0, placeAt(0), { drop: true })]);
    await stuck;
    assert.deepEqual(log.keys(output), ['a1', 'a2', 'b3']);
    await task.close();
  });
});

describe('a parked job', () => {
  const parkedJob: Job = {
    ...{ id: 'j', kind: 'scan', key: 'k', status: 'parked', attempt: 3, priority: 0, notBeforeMs: 0, host: null, payload: '{}' },
    ...{ lastError: 'X: away', causeId: 'e1', correlationId: 'c', traceparent: null, createdAtMs: 1_000 },
  };
  function logWith(job: Job): MemoryLog {
    const log = new MemoryLog();
    const value = jsonCodec.encode({ type: 'Job', data: job });
    log.append({ topic: topics.scannerJobs.name, partition: 0, key: 'j', value, headers: {} });
    return log;
  }
  const rowOf = (draft: Draft | undefined) => draft?.jobs.get('j');

  it('that is retried is due anew, because of whoever asked', async () => {
    const { task, drafts, ignored } = await start(logWith(parkedJob));
    await task.takeRecords([command(0, 'j', { kind: 'job' }), command(1, 'j', { kind: 'job' })]);
    const { status, attempt, notBeforeMs, causeId, correlationId } = rowOf(drafts[0])!;
    assert.deepEqual([status, attempt, notBeforeMs, causeId, correlationId], ['due', 0, 9_000, 'c0', 'c']);
    assert.equal(ignored().length, 1);
    await task.close();
  });

  it('that is dropped is gone; one that is due is left alone', async () => {
    const dropped = await start(logWith(parkedJob));
    await dropped.task.takeRecords([command(0, 'j', { kind: 'job', drop: true })]);
    assert.equal(rowOf(dropped.drafts[0]), null);
    const due = await start(logWith({ ...parkedJob, status: 'due', notBeforeMs: Number.MAX_SAFE_INTEGER }));
    await due.task.takeRecords([command(0, 'j', { kind: 'job', drop: true })]);
    assert.deepEqual(due.ignored(), ['a command for what is not parked']);
    await Promise.all([dropped.task.close(), due.task.close()]);
  });
});

it('rows of what is held lie in a store that no topology can name', () => assert.doesNotMatch(heldStore, /^\w+$/));
