import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { prepareScanner } from './scanner-choice.ts';

const root = mkdtempSync(join(tmpdir(), 'scanner-choice-'));
const realPath = process.env['PATH'] ?? '';
after(() => {
  process.env['PATH'] = realPath;
  rmSync(root, { recursive: true });
});

let at = { dir: '', bin: '', home: '' };
beforeEach(() => {
  const dir = mkdtempSync(join(root, 'machine-'));
  at = { dir: join(dir, 'tools'), bin: join(dir, 'bin'), home: join(dir, 'home') };
  mkdirSync(at.bin);
});
function plant(program: string, script = 'true'): void {
  writeFileSync(join(at.bin, program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(at.bin, program), 0o755);
}
/** On a machine that has only what was planted. */
async function prepare(more: Readonly<Record<string, string>> = {}) {
  const told: string[] = [];
  const env = { PATH: at.bin, HOME: at.home, ...more };
  const said = await prepareScanner({ env, dir: at.dir, onProgress: (line) => told.push(line) });
  return { said, told: told.join('\n') };
}
function bringDatabase(cacheDir: string): void {
  mkdirSync(join(cacheDir, 'osv-scalibr/npm'), { recursive: true });
  writeFileSync(join(cacheDir, 'osv-scalibr/npm/all.zip'), '');
}

describe('the scanner of a local start', () => {
  it('is osv unasked only where its programs and a database are', async () => {
    plant('syft');
    plant('osv-scanner');
    assert.match((await prepare()).said['SCANNER'] ?? '', /tiny-scanner/);
    bringDatabase(join(at.home, '.cache'));
    assert.equal((await prepare()).said['SCANNER'], 'osv');
  });

  it('is what the caller says, and looks for programs among our tools first', async () => {
    const { said } = await prepare({ SCANNER: 'grype' });
    assert.deepEqual(said, { SCANNER: 'grype', PATH: [join(at.dir, 'bin'), at.bin].join(delimiter) });
  });

  it('is built when asked for, with a word on how long that takes, and not again', async () => {
    plant('go', `echo "$2" >> ${at.bin}/built; name=$(basename "\${2%@*}"); echo > "$GOBIN/$name"; chmod +x "$GOBIN/$name"`);
    process.env['PATH'] = [at.bin, realPath].join(delimiter); // Go is run as the machine's own.
    const { said, told } = await prepare({ SCANNER: 'osv', XDG_CACHE_HOME: join(at.home, 'cache') });
    assert.deepEqual([said['SCANNER'], said['XDG_CACHE_HOME']], ['osv', join(at.home, 'cache')]);
    assert.match(told, /syft: not here; building it takes some minutes(.|\n)*osv-scanner: not here(.|\n)*no OSV database here/);
    bringDatabase(join(at.home, 'cache'));
    assert.equal((await prepare({ SCANNER: 'osv', XDG_CACHE_HOME: join(at.home, 'cache') })).told, '');
    const built = readFileSync(join(at.bin, 'built'), 'utf8').trim().split('\n');
    assert.deepEqual(
      built.map((tool) => tool.replace(/@v[\d.]+$/, '')),
      ['github.com/anchore/syft/cmd/syft', 'github.com/google/osv-scanner/v2/cmd/osv-scanner'],
    );
  });

  it('that cannot be built says what to install', () =>
    assert.rejects(prepare({ SCANNER: 'osv' }), { code: 'TOOL_MISSING', message: /needs syft: install it, or Go/ }));
});
