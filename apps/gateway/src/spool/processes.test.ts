import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { filesIn } from './files.ts';
import { lockFolder } from './lock.ts';
import { openSpool, type Notice } from './spool.ts';

const writerPath = join(import.meta.dirname, 'writer.fixture.ts');
const dirs: string[] = [];
after(() => dirs.forEach((dir) => rmSync(dir, { recursive: true })));

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-spool-'));
  dirs.push(dir);
  return dir;
}

/** A writer that says what was promised; `lines` are those that have come in whole. */
function startWriter(dir: string, limit = '') {
  const [command, args] =
    limit === ''
      ? [process.execPath, [writerPath, dir]]
      : ['sh', ['-c', `${limit}; exec "$0" "$1" "$2"`, process.execPath, writerPath, dir]];
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => void (said += text));
  const ended = once(child, 'close');
  const lines = (): readonly string[] => said.split('\n').slice(0, -1);
  const until = async (count: number): Promise<void> => {
    while (lines().length < count) await once(child.stdout!, 'data');
  };
  return { child, ended, lines, until };
}

async function readIds(dir: string): Promise<{ readonly ids: readonly number[]; readonly notices: readonly Notice[] }> {
  const notices: Notice[] = [];
  const spool = await openSpool({
    ...{ files: filesIn(dir), bytesMax: 2 ** 30, segmentBytes: 200_000, salt: () => 8 },
    onNotice: (notice) => void notices.push(notice),
  });
  const ids: number[] = [];
  while (spool.leftBytes > 0) {
    const batch = await spool.read(1_000_000, 100);
    for (const { payload } of batch.stored) {
      const [id, rest] = payload.toString().split(' ');
      assert.equal(rest, 'x'.repeat((Number(id) * 977) % 5_000));
      ids.push(Number(id));
    }
    await spool.acknowledge(batch);
  }
  await spool.close();
  return { ids, notices };
}

describe('a process that writes to a spool', () => {
  it('and is killed in the middle of it has promised nothing that is not there, and what is there is whole and in order', async () => {
    for (let kill = 0; kill < 6; kill++) {
      const dir = newDir();
      const { child, ended, lines, until } = startWriter(dir);
      await until(1 + kill * 150);
      child.kill('SIGKILL');
      await ended;
      const promised = lines().map(Number);
      const { ids, notices } = await readIds(dir);
      assert.deepEqual(
        ids,
        Array.from({ length: ids.length }, (_, index) => index),
      );
      assert.ok(ids.length >= promised.length, `${promised.length} were promised, ${ids.length} are there`);
      assert.deepEqual(notices.filter(({ code }) => code !== 'SPOOL_TAIL_CUT'), []); // prettier-ignore
    }
  });

  it('and may not write more is told so, and has kept what was promised', async () => {
    const dir = newDir();
    const { ended, lines } = startWriter(dir, "trap '' XFSZ; ulimit -f 100"); // Blocks of 512 bytes: less than a segment.
    await ended;
    const said = lines();
    assert.equal(said.at(-1), 'refused SPOOL_FULL');
    assert.deepEqual((await readIds(dir)).ids.slice(0, said.length - 1), said.slice(0, -1).map(Number));
  });
});

describe('a folder', () => {
  it('belongs to one process at a time, and is free as soon as that is dead', async () => {
    const dir = newDir();
    const { child, ended, until } = startWriter(dir);
    await until(1);
    assert.throws(() => lockFolder(dir), { code: 'SPOOL_IN_USE', message: /SPOOL_DIR/ });
    child.kill('SIGKILL');
    await ended;
    lockFolder(dir).release();
  });

  it('belongs to one user of it also within a process', () => {
    const dir = newDir();
    const lock = lockFolder(dir);
    assert.throws(() => lockFolder(dir), { code: 'SPOOL_IN_USE' });
    lock.release();
    lockFolder(dir).release();
  });
});
