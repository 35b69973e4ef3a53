import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { ensureGoTool, ensureKafka, findProgram, isBrought } from './tools.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-tools-'));
const path = process.env['PATH'] ?? '';
process.env['PATH'] = `${join(root, 'path')}${delimiter}${path}`;
after(() => {
  process.env['PATH'] = path;
  rmSync(root, { recursive: true });
});

/** Stands where Maven or Go would be: a real program run the real way, whose network we decide. */
function plant(program: string, script: string): void {
  mkdirSync(join(root, 'path'), { recursive: true });
  writeFileSync(join(root, 'path', program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, 'path', program), 0o755);
}
const countRun = `echo run >> ${join(root, 'runs')}`;
const runs = (): number => readFileSync(join(root, 'runs'), 'utf8').trim().split('\n').length;
const findOutput = 'for a in "$@"; do case "$a" in -DoutputDirectory=*) out="${a#*=}";; esac; done';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(root, 'dir-'));
  rmSync(join(root, 'runs'), { force: true });
});

describe('what Maven brings', () => {
  it('is brought once', async () => {
    plant('mvn', `${countRun}; ${findOutput}; echo jar > "$out/kafka.jar"`);
    assert.equal(isBrought('kafka', dir), false);
    const libDir = await ensureKafka({ dir });
    assert.equal(await ensureKafka({ dir }), libDir);
    assert.equal(isBrought('kafka', dir), true);
    assert.deepEqual([readdirSync(libDir), runs()], [['kafka.jar'], 1]);
  });

  it('is brought once when two ask at the same time', async () => {
    plant('mvn', `${countRun}; ${findOutput}; sleep 0.3; echo jar > "$out/kafka.jar"`);
    await Promise.all([ensureKafka({ dir }), ensureKafka({ dir })]);
    assert.equal(runs(), 1);
  });

  it('is not there after a broken download, and is brought again', async () => {
    plant('mvn', `${findOutput}; echo half > "$out/kafka.jar"; echo 'Connection reset'; exit 1`);
    await assert.rejects(ensureKafka({ dir }), {
      code: 'DOWNLOAD_FAILED',
      message: /kafka could not be brought by mvn(.|\n)*Connection reset/,
    });
    assert.equal(isBrought('kafka', dir), false);
    plant('mvn', `${findOutput}; echo whole > "$out/kafka.jar"`);
    const libDir = await ensureKafka({ dir });
    assert.equal(readFileSync(join(libDir, 'kafka.jar'), 'utf8'), 'whole\n');
    assert.deepEqual(
      readdirSync(dir).filter((name) => /draft|lock/.test(name)),
      [],
    );
  });
});

describe('what Go builds', () => {
  const build = (content: string): string =>
    `${countRun}; printf '#!/bin/sh\\necho ${content}\\n' > "$GOBIN/crane"; chmod +x "$GOBIN/crane"`;

  it('is built once, and anew when another version is pinned', async () => {
    plant('go', build('one'));
    const program = await ensureGoTool('crane', { dir });
    await ensureGoTool('crane', { dir });
    assert.equal(runs(), 1);
    writeFileSync(`${program}.pin`, 'example.org/crane@v0');
    await ensureGoTool('crane', { dir });
    assert.equal(runs(), 2);
  });

  it('is not there after a broken build', async () => {
    plant('go', 'echo "no space left on device" >&2; exit 1');
    await assert.rejects(ensureGoTool('crane', { dir }), { code: 'DOWNLOAD_FAILED', message: /no space left/ });
    assert.equal(existsSync(join(dir, 'bin/crane')), false);
  });

  it('is found among our tools before the PATH, and not at all when nowhere', () => {
    plant('crane', 'true');
    assert.equal(findProgram('crane', dir), join(root, 'path/crane'));
    mkdirSync(join(dir, 'bin'));
    writeFileSync(join(dir, 'bin/crane'), '');
    assert.equal(findProgram('crane', dir), join(dir, 'bin/crane'));
    assert.equal(findProgram('no-such-program', dir), undefined);
  });
});
