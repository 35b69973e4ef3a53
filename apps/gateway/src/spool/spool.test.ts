import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryDisk } from './disk.fixture.ts';
import { SpoolError } from './error.ts';
import { encodeRecord } from './record.ts';
import { openSpool, type Notice, type Spool } from './spool.ts';

const salt = 7;
const texts = (count: number, bytes = 20): readonly string[] => Array.from({ length: count }, (_, index) => `${index} `.padEnd(bytes, 'x'));

async function start(disk: MemoryDisk = new MemoryDisk(), bytesMax = 1_000_000) {
  const notices: Notice[] = [];
  const spool = await openSpool({
    ...{ files: disk.files, bytesMax, segmentBytes: 10_000, salt: () => salt },
    onNotice: (notice) => void notices.push(notice),
  });
  const append = (...payloads: readonly string[]): Promise<void> => spool.append(payloads.map((text) => Buffer.from(text)));
  return { disk, spool, notices, append };
}

async function readAll(spool: Spool): Promise<readonly string[]> {
  const all: string[] = [];
  while (spool.leftBytes > 0) {
    const batch = await spool.read(100, 3);
    all.push(...batch.stored.map(({ payload }) => payload.toString()));
    await spool.acknowledge(batch);
  }
  return all;
}

const segments = (disk: MemoryDisk): readonly string[] => disk.names().filter((name) => name.endsWith('.spool'));
const asides = (disk: MemoryDisk): readonly string[] => disk.names().filter((name) => name.endsWith('.damaged'));
const codeOf = (append: Promise<void>): Promise<string> =>
  append.then(
    () => 'appended',
    (error: unknown) => (error instanceof SpoolError ? error.code : String(error)),
  );

/** A disk with one segment of these payloads, left by a process that was killed. */
async function left(payloads: readonly string[]): Promise<{ readonly disk: MemoryDisk; readonly name: string; readonly bytes: Buffer }> {
  const { disk, append } = await start();
  for (const payload of payloads) await append(payload);
  disk.crash('kill');
  const [name] = segments(disk);
  return { disk, name: name!, bytes: Buffer.from(disk.bytesOf(name!)) };
}

describe('a spool', () => {
  it('gives back in order what was appended, over segments and over restarts, and leaves no segment', async () => {
    const { disk, spool, append } = await start();
    const all = texts(40, 900);
    for (const text of all.slice(0, 30)) await append(text);
    assert.equal(segments(disk).length, 3);
    const batch = await spool.read(5_000, 100);
    await spool.acknowledge(batch);
    disk.crash('kill');
    const next = await start(disk);
    assert.equal(next.spool.count, 30 - batch.stored.length);
    await next.append(...all.slice(30));
    assert.deepEqual(await readAll(next.spool), all.slice(batch.stored.length));
    assert.deepEqual(disk.names(), ['position']);
    assert.deepEqual([next.spool.count, next.spool.usedBytes, next.notices.length], [0, 0, 0]);
  });

  it('gives again what was read and not acknowledged', async () => {
    const { spool, append } = await start();
    await append('a', 'b');
    assert.equal((await spool.read(1, 1)).stored.length, 1);
    assert.deepEqual(await readAll(spool), ['a', 'b']);
  });

  it('is bounded: what does not fit is refused as a whole, and room comes back with each segment that is drained', async () => {
    const { spool, append } = await start(new MemoryDisk(), 20_000);
    const all = texts(40, 900);
    const codes: string[] = [];
    for (const text of all) codes.push(await codeOf(append(text)));
    assert.deepEqual([...new Set(codes)], ['appended', 'SPOOL_FULL']);
    assert.ok(spool.usedBytes <= 20_000 && spool.usedBytes > 19_000);
    const accepted = all.filter((_, index) => codes[index] === 'appended');
    const first = await spool.read(10_500, 100);
    await spool.acknowledge(first);
    assert.equal(await codeOf(append('more')), 'appended');
    assert.deepEqual(await readAll(spool), [...accepted.slice(first.stored.length), 'more']);
  });

  it('refuses on a full disk with nothing half-written, and goes on when there is room', async () => {
    const { disk, spool, append } = await start();
    await append('a');
    disk.failNext = 'no-space';
    assert.equal(await codeOf(append('b')), 'SPOOL_FULL');
    disk.failNext = 'fsync-fails';
    assert.equal(await codeOf(append('c')), 'SPOOL_FAILED');
    await append('d');
    assert.deepEqual(await readAll(spool), ['a', 'd']);
  });

  it('a disk that stays full does not gather empty files', async () => {
    const { disk, append } = await start();
    for (let attempt = 0; attempt < 20; attempt++) {
      disk.failNext = 'no-space';
      assert.equal(await codeOf(append('b')), 'SPOOL_FULL');
    }
    assert.deepEqual(segments(disk), []);
  });
});

describe('what a crash leaves', () => {
  it('is cut at the last good record, at whichever byte the last write ended', async () => {
    const { disk, name, bytes } = await left(['first', 'second', 'the last one']);
    const lastAt = bytes.length - 16 - 'the last one'.length;
    for (let length = lastAt; length < bytes.length; length++) {
      disk.setBytes(name, bytes.subarray(0, length));
      const { spool, notices } = await start(disk);
      assert.equal(spool.count, 2, `${length} bytes`);
      assert.deepEqual(
        notices.map(({ code }) => code),
        length === lastAt ? [] : ['SPOOL_TAIL_CUT'],
      );
      assert.equal(disk.bytesOf(name).length, lastAt);
      disk.crash('kill');
    }
  });

  it('is cut also where the file grew and its bytes did not come to the disk', async () => {
    const { disk, name, bytes } = await left(['first']);
    disk.setBytes(name, Buffer.concat([bytes, Buffer.alloc(5_000)]));
    const { spool, notices } = await start(disk);
    assert.deepEqual(await readAll(spool), ['first']);
    assert.deepEqual(notices, [{ code: 'SPOOL_TAIL_CUT', file: name, bytes: 5_000 }]);
  });
});

describe('damage', () => {
  it('of any single bit costs the record that it is in, which is set aside and told; all others are kept', async () => {
    const payloads = ['first', 'second one', 'third'];
    const { name, bytes } = await left(payloads);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const spoiled = Buffer.from(bytes);
      spoiled[bit >> 3]! ^= 1 << (bit & 7);
      const disk = new MemoryDisk();
      await disk.files.create(name);
      disk.setBytes(name, spoiled);
      const { spool, notices } = await start(disk);
      const kept = await readAll(spool);
      const hit = bit >> 3 < 21 ? 0 : bit >> 3 < 47 ? 1 : 2;
      assert.deepEqual(kept, payloads.toSpliced(hit, 1), `bit ${bit}`);
      const [from, to] = [[0, 21], [21, 47], [47, 68]][hit]! as [number, number]; // prettier-ignore
      const aside = `${name}.${from}.damaged`;
      assert.deepEqual(notices, [{ code: 'SPOOL_SET_ASIDE', file: aside, bytes: to - from, why: 'damaged' }]);
      assert.ok(disk.bytesOf(aside).equals(spoiled.subarray(from, to)));
    }
  });

  it('at the end of what was promised is set aside, not taken for a write that was cut off', async () => {
    const { disk, name, bytes } = await left(['first', 'second']);
    bytes[bytes.length - 1]! ^= 1;
    disk.setBytes(name, bytes);
    const { spool, notices } = await start(disk);
    assert.deepEqual(await readAll(spool), ['first']);
    assert.deepEqual(notices.map(({ code }) => code), ['SPOOL_SET_ASIDE']); // prettier-ignore
    assert.equal(asides(disk).length, 1);
  });

  it('does not let a sender pass the content of a body for a record: the salt is not known to him', async () => {
    const forged = Buffer.concat(encodeRecord(Buffer.from('forged'), salt + 1)).toString('latin1');
    const disk = new MemoryDisk();
    const { spool } = await start(disk);
    await spool.append([Buffer.from('before'), Buffer.from(forged, 'latin1'), Buffer.from('after')]);
    const [name] = segments(disk);
    const bytes = Buffer.from(disk.bytesOf(name!));
    bytes[22]! ^= 1; // The mark of the record that holds the forged one.
    disk.setBytes(name!, bytes);
    disk.crash('kill');
    assert.deepEqual(await readAll((await start(disk)).spool), ['before', 'after']);
  });

  it('larger than what is read at a time is skipped, with a header that lies across two reads', async () => {
    const { disk, name, bytes } = await left(['first', 'last']);
    for (const gapBytes of [1_048_576 - 8, 1_048_576, 3_000_000]) {
      disk.setBytes(name, Buffer.concat([bytes.subarray(0, 21), Buffer.alloc(gapBytes, 1), bytes.subarray(21)]));
      const { spool, notices } = await start(disk);
      assert.equal(spool.count, 2);
      const batch = await spool.read(10_000_000, 10);
      assert.deepEqual(batch.stored.map(({ payload }) => payload.toString()), ['first', 'last']); // prettier-ignore
      assert.deepEqual(notices.map(({ code }) => code), ['SPOOL_SET_ASIDE']); // prettier-ignore
      assert.equal(disk.bytesOf(asides(disk)[0]!).length, gapBytes);
      disk.crash('kill');
    }
  });

  it('of the position costs nothing but repeats', async () => {
    const { disk, spool, append } = await start();
    await append('a', 'b');
    await spool.acknowledge(await spool.read(1, 1));
    const position = Buffer.from(disk.bytesOf('position'));
    position[0]! ^= 4;
    disk.setBytes('position', position);
    disk.crash('kill');
    const next = await start(disk);
    assert.deepEqual(next.notices, [{ code: 'SPOOL_POSITION_UNREADABLE' }]);
    assert.deepEqual(await readAll(next.spool), ['a', 'b']);
  });

  it('a segment that somebody removed is told, and the rest is kept', async () => {
    const { disk, append } = await start();
    const all = texts(30, 900);
    for (const text of all) await append(text);
    const [, second] = segments(disk);
    await disk.files.remove(second!);
    disk.crash('kill');
    const { spool, notices } = await start(disk);
    assert.deepEqual(notices, [{ code: 'SPOOL_SEGMENT_MISSING', numbers: [2] }]);
    assert.equal((await readAll(spool)).length, 20);
  });

  it('what is whole and cannot be sent is set aside on demand', async () => {
    const { disk, spool, notices, append } = await start();
    await append('good', 'bad');
    const batch = await spool.read(100, 10);
    await spool.setAside(batch.stored[1]!);
    await spool.acknowledge(batch);
    assert.deepEqual(notices.map((notice) => 'why' in notice && notice.why), ['unsendable']); // prettier-ignore
    assert.match(disk.bytesOf(asides(disk)[0]!).toString('latin1'), /bad$/);
  });
});
