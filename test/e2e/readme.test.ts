// What the README promises, run as it says: start, demo, look, stop. Ports and data are of this test, beside whatever else runs.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';
import { localPorts } from '../../infra/local/stack-ports.ts';

const home = mkdtempSync(join(tmpdir(), 'waybill-readme-'));
const shift = 1_000 + Math.floor(Math.random() * 2_500);
const env = { WAYBILL_HOME: home, WAYBILL_PORT_BASE: String(shift), WAYBILL_API: `http://127.0.0.1:${28_090 + shift}` };
type Ran = { readonly exitCode: number | undefined; readonly output: string; readonly stdout: string };
const run = async (line: string, more = {}): Promise<Ran> => {
  const [program, ...args] = line.split(' ');
  const result = await execa(program!, args, { cwd: repositoryRoot, env: { ...env, ...more }, all: true, reject: false, timeout: 300_000 });
  return { exitCode: result.exitCode, output: result.all, stdout: result.stdout };
};

const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
const documents = [
  'README.md',
  'docs/deliveries.md',
  'docs/images.md',
  'docs/flow.md',
  'docs/architecture.md',
  'libs/stream/DESIGN.md',
  'infra/local/README.md',
];

after(async () => {
  await run('npm run down');
  rmSync(home, { recursive: true, force: true });
});

describe('the documents', () => {
  for (const document of documents) {
    it(`${document} links to what is there`, () => {
      const text = readFileSync(join(repositoryRoot, document), 'utf8');
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, path]) => path!);
      const broken = links.filter((path) => !existsSync(join(repositoryRoot, dirname(document), path)));
      assert.deepEqual(broken, []);
    });

    it(`${document} names scripts that exist`, () => {
      const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
      const text = readFileSync(join(repositoryRoot, document), 'utf8');
      const named = [...text.matchAll(/npm (?:run )?([a-z][a-z:]*)/g)]
        .map(([, name]) => name!)
        .filter((name) => !['ci', 'install'].includes(name));
      assert.deepEqual(named.filter((name) => scripts[name] === undefined), []); // prettier-ignore
    });
  }
});

describe('the first screen of the README', () => {
  it('brings everything up with one command', async () => {
    assert.ok(readme.includes('npm start'));
    const { exitCode, output } = await run('npm start');
    assert.equal(exitCode, 0, output);
  });

  it('shows a journey to its end', async () => {
    const { exitCode, output } = await run('npm run demo');
    assert.equal(exitCode, 0, output);
    for (const line of readme.matchAll(/^\d\d:\d\d:\d\d\.\d{3} .{10}(\S+)/gm)) assert.match(output, new RegExp(`\\b${line[1]}\\b`));
    for (const sign of ['✔ copied to', 'PASS', '✔ the audit holds']) assert.ok(output.includes(sign), output);
  });

  it('can be looked into', async () => {
    for (const line of [
      'npm run status',
      'npx waybill status',
      'npx waybill images',
      'npx waybill parked list',
      'npx waybill policy list',
    ]) {
      const { exitCode, output } = await run(line);
      assert.equal(exitCode, 0, `${line}:\n${output}`);
    }
  });

  it('has deliveries, of which docs/deliveries.md says what to do with them', async () => {
    const log = {
      KAFKA_BROKERS: `127.0.0.1:${localPorts(String(shift)).kafka}`,
      SCHEMA_REGISTRY_URL: `http://127.0.0.1:${localPorts(String(shift)).schemaRegistry}/apis/ccompat/v7`,
    };
    const { stdout: listed } = await run('npx waybill deliveries list --limit 1 -o json', log);
    const [newest] = (JSON.parse(listed) as { readonly deliveries: readonly { readonly id: string }[] }).deliveries;
    const text = readFileSync(join(repositoryRoot, 'docs/deliveries.md'), 'utf8');
    // Without npx, which takes longer than the command.
    const lines = [...text.matchAll(/^npx (waybill .*)$/gm)].map(([, line]) =>
      `node_modules/.bin/${line!}`.replace('<id>', newest!.id).replaceAll(/"[^"]*"/g, 'text'),
    );
    assert.ok(lines.length >= 8);
    for (const line of lines) {
      const { exitCode, output } = await run(line, log);
      assert.equal(exitCode, 0, `${line}:\n${output}`);
    }
  });

  it('is harmless the second time, and goes down with one command', async () => {
    assert.match((await run('npm start')).output, /runs already/);
    assert.equal((await run('npm run down')).exitCode, 0);
    assert.equal((await run('npm run status')).exitCode, 1);
  });
});
