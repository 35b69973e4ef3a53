import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { execa } from 'execa';

const root = join(import.meta.dirname, '../../..');
/** Says at the end of the process which packages and libs it has read. */
const listing = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const read = new Set();
  registerHooks({
    load(url, context, next) {
      const [, name] = /node_modules[/]((?:@[^/]+[/])?[^/]+)/.exec(url) ?? /[/](libs[/][^/]+|apps[/][^/]+)[/]/.exec(url) ?? [];
      if (name !== undefined) read.add(name);
      return next(url, context);
    },
  });
  process.on('exit', () => process.stderr.write('read ' + [...read].join(' ')));
`)}`;

/** What a command read until its first request was refused, or its help was printed. */
async function readBy(wanted: number, ...args: readonly string[]): Promise<ReadonlySet<string>> {
  const { stderr, exitCode } = await execa(process.execPath, ['--import', listing, 'apps/cli/src/main.ts', ...args], {
    cwd: root,
    reject: false,
  });
  assert.equal(exitCode, wanted, stderr);
  return new Set(/^read (.+)$/m.exec(stderr)![1]!.split(' '));
}
const found = (read: ReadonlySet<string>, names: readonly string[]): readonly string[] => names.filter((name) => read.has(name));

/** Each of them takes longer than the whole of a small command. */
const heavy = ['kafkajs', '@kafkajs/confluent-schema-registry', 'avsc', 'fastify', 'pino', 'prom-client', 'ajv'];
const ofTheStack = ['libs/kafka', 'libs/state-store', 'libs/app-kit', 'libs/policy-engine', 'libs/webhook-sources'];
const nobody = '127.0.0.1:1/nothing';

describe('the start of a command', () => {
  it('reads no more than the command line to print help', async () => {
    assert.deepEqual([...(await readBy(0, 'image', 'copy', '--help'))].toSorted(), ['apps/cli', 'commander']);
  });

  for (const args of [
    ['inspect', nobody],
    ['copy', nobody, nobody],
    ['diff', nobody, nobody],
    ['verify', nobody],
  ])
    it(`reads nothing of Kafka and its servers for: waybill image ${args[0]}`, async () => {
      const read = await readBy(3, 'image', ...args);
      assert.ok(read.has('undici'));
      assert.deepEqual(found(read, [...heavy, ...ofTheStack, 'yaml', 'typebox']), []);
    });

  it('reads nothing of them for a file of registries either', async () => {
    const read = await readBy(3, 'image', 'inspect', nobody, '--registries', 'config/registries.yaml');
    assert.ok(read.has('yaml'));
    assert.deepEqual(found(read, [...heavy, ...ofTheStack]), []);
  });
});
