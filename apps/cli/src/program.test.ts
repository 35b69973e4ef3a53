import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { CommanderError, InvalidArgumentError } from 'commander';
import { deploy } from './commands/deploy.ts';
import { fakeConsole } from './console.fixture.ts';
import { CliError } from './exit.ts';
import { parsePartitions } from './options.ts';
import { placedInFile, readPolicyFolder } from './policy/folder.ts';
import { createProgram } from './program.ts';
import { deployOptions } from './commands/deploy.fixture.ts';

const policy = (name: string): string =>
  [
    'apiVersion: waybill/v1',
    'kind: ReplicationPolicy',
    `metadata: { name: ${name} }`,
    'spec:',
    '  priority: 1',
    "  match: { repositories: ['demo/**'] }",
    '  replicate: [{ registry: b }]',
    '',
  ].join('\n');

async function inFolder(files: Readonly<Record<string, string>>, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/waybill-cli-`);
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the command line', () => {
  const run = async (...args: readonly string[]) => {
    const said = fakeConsole();
    const program = createProgram({ console: said.console, env: {}, onExit: () => assert.fail('no command should have run') });
    await assert.rejects(program.parseAsync(args, { from: 'user' }), CommanderError);
    return said;
  };

  for (const args of [
    ['trace'],
    ['nonsense'],
    ['images', '--limit', '0'],
    ['images', '--limit', 'x'],
    ['-o', 'xml', 'status'],
    ['audit', 'verify', '--partition', '5-1'],
    ['trace', 'a', 'b'],
    ['parked', 'retry'],
    ['parked', 'retry', 'a/0/1', '--all', '--app', 'policy'],
    ['parked', 'drop', 'a/0/1'],
    ['redeliver', 'dedup'],
    ['redeliver', 'dedup', '--from', 'yesterday'],
    ['redeliver', 'dedup', '--from', '0', '--state', 'then'],
    ['redeliver', 'drop'],
    ['parked', 'drop', '--reason', 'noise'],
    ['parked', 'retry', 'a/0/1', '--wait', 'long'],
    ['policy', 'shadow', 'start', 'folder'],
    ['policy', 'shadow', 'start', '--reason', 'to see', '--candidate', 'Not/A name'],
    ['policy', 'shadow', 'report', '--since', 'yesterday'],
    ['policy', 'shadow', 'stop'],
    ['parked', 'list', '--limit', '201'],
    ['parked', 'show'],
    ['sources', 'parse', 'harbor'],
    ['deliveries', 'show'],
    ['deliveries', 'replay'],
    ['deliveries', 'list', '--outcome', 'lost'],
    ['deliveries', 'list', '--limit', '0'],
    ['deliveries', 'list', '--from', '10:00'],
    ['deliveries', 'reparse', '--endpoint', 'harbor'],
    ['policy', 'lint', 'a', 'b'],
    ['image', 'inspect'],
    ['image', 'diff', 'a/x'],
    ['image', 'verify'],
    ['image', 'copy', 'a/x', 'b/x', '--concurrency', '0'],
    ['image', 'copy', '--from-file', 'list', '--all-tags'],
    ['projection', 'prepare', 'dedup'],
    ['projection', 'prepare', 'dedup', '1'],
    ['projection', 'prepare', 'dedup', '1000'],
    ['projection', 'prepare', 'dedup', '2', '--replication', '0'],
    ['projection', 'swap', 'dedup', '--to', '2'],
    ['projection', 'swap', 'dedup', '--reason', 'why not'],
    ['projection', 'swap', 'dedup', '--to', 'two', '--reason', 'why not'],
    ['projection', 'swap', '--to', '2', '--reason', 'why not'],
  ])
    it(`says what is wrong with: waybill ${args.join(' ')}`, async () => assert.match((await run(...args)).err(), /error: .+/));

  it('has help with examples for each command', async () => {
    for (const args of [
      ['trace'],
      ['images'],
      ['status'],
      ['parked', 'list'],
      ['parked', 'show'],
      ['parked', 'retry'],
      ['parked', 'drop'],
      ['sources', 'list'],
      ['sources', 'parse'],
      ['deliveries', 'list'],
      ['deliveries', 'show'],
      ['deliveries', 'replay'],
      ['deliveries', 'reparse'],
      ['image', 'inspect'],
      ['image', 'copy'],
      ['image', 'diff'],
      ['image', 'verify'],
      ['policy', 'list'],
      ['policy', 'lint'],
      ['projection', 'list'],
      ['projection', 'prepare'],
      ['projection', 'swap'],
      ['redeliver', 'list'],
      ['redeliver', 'drop'],
      ['audit', 'verify'],
      ['deploy'],
    ])
      assert.match((await run(...args, '--help')).out(), new RegExp(`Examples:\\n {2}waybill ${args.join(' ')}`));
    assert.match((await run('redeliver', 'run', '--help')).out(), /Examples:\n {2}waybill redeliver policy/);
  });
});

describe('partition numbers', () => {
  it('are read as people write them', () => {
    assert.deepEqual(parsePartitions('3'), [3]);
    assert.deepEqual(parsePartitions('4-5,0,2,4'), [0, 2, 4, 5]);
  });
  for (const text of ['', 'x', '1-', '-1', '5-1', '1,,2', '999999'])
    it(`refuse ${JSON.stringify(text)}`, () => assert.throws(() => parsePartitions(text), InvalidArgumentError));
});

describe('policies of a folder', () => {
  it('are read as written, each with its name and hash', () =>
    inFolder({ 'b.yaml': policy('b'), 'a.yml': policy('a'), 'README.md': 'no policy' }, async (folder) => {
      const { files, faults } = await readPolicyFolder(folder);
      assert.deepEqual(faults, []);
      assert.deepEqual(
        files.map(({ text }) => [text.policyId, text.document]),
        [
          ['a', policy('a')],
          ['b', policy('b')],
        ],
      );
      assert.match(files[0]!.text.documentSha256, /^[0-9a-f]{64}$/);
    }));

  it('have every fault of every file told, with its line and column', () =>
    inFolder(
      {
        'a.yaml': 'kind: [',
        'b.yaml': policy('b').replace('waybill/v1', 'waybill/v9').replace("'demo/**'", "'demo/**', 'a(b)'"),
        'c.yaml': policy('c'),
        'd.yaml': policy('c'),
        'e.yaml': 'x'.repeat(300_000),
        'f.yaml': policy('f').replace("'demo/**'", "regex: 'a(b'"),
      },
      async (folder) => {
        const { files, faults } = await readPolicyFolder(folder);
        assert.deepEqual(
          files.map(({ document: { id } }) => id),
          ['c'],
        );
        const told = faults.map((fault) => placedInFile('p', fault)).join('\n');
        for (const place of [
          'p/a.yaml:1:8 is no valid YAML',
          'p/b.yaml:1:13 apiVersion ',
          'p/b.yaml:6:38 spec.match.repositories.1 ',
          'p/d.yaml:3:19 metadata.name c is that of c.yaml too',
          'p/e.yaml:1:1 300000 bytes',
          'p/f.yaml:6:27 spec.match.repositories.0 the group has no end',
        ])
          assert.ok(told.includes(place), `${place} is not in\n${told}`);
      },
    ));

  it('a folder that is not there is wrong use, not an empty set: that would retire them all', () =>
    assert.rejects(readPolicyFolder('/nowhere'), (error: unknown) => error instanceof CliError && error.exitCode === 2));
});

describe('waybill deploy', () => {
  it('checks the policies before it asks for anything', () =>
    inFolder({ 'a.yaml': 'kind: Other' }, (folder) =>
      assert.rejects(
        deploy({ ...deployOptions, policies: { folder, registriesPath: undefined, env: {} } }, fakeConsole().console, () =>
          assert.fail('deployed'),
        ),
        (error: unknown) => error instanceof CliError && error.exitCode === 1,
      ),
    ));

  it('exits with 3 where Kafka is not there', () =>
    assert.rejects(
      deploy({ ...deployOptions, policies: undefined }, fakeConsole().console, () => assert.fail('deployed')),
      (error: unknown) => error instanceof CliError && error.exitCode === 3 && /Kafka/.test(error.message),
    ));
});
