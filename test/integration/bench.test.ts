import assert from 'node:assert/strict';
import { it } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';

async function quickBench(suite: string): Promise<string> {
  const bench = await execa('node', ['test/bench/run.ts', suite, '--quick'], { cwd: repositoryRoot, all: true, reject: false });
  assert.equal(bench.exitCode, 0, bench.all);
  return bench.all;
}

const assertIncludes = (text: string, ...parts: readonly string[]): void =>
  parts.forEach((part) => assert.ok(text.includes(part), `${part} is in:\n${text}`));

// Tiny sizes: that every experiment runs and that its outputs are right, never how fast. `--quick` leaves the Java peer out.
it('the stream bench runs each of its experiments, and finds each occurrence once in their outputs', async () => {
  const told = await quickBench('stream');
  assertIncludes(told, 'ours, 1 process', 'ours, 2 processes', 'at-least-once', 'after kill -9', 'an idle app', '20 keys');
});

// A few seconds, without the peers: that what the gateway acknowledges under load and overload is in the log.
it('the gateway bench runs each of its experiments, and finds all that was acknowledged in the log', async () => {
  const told = await quickBench('gateway');
  assertIncludes(told, 'ours, 1 process, 16 connections', 'open loop at 500 /s', 'at twice the capacity');
});

// A few seconds, beside crane alone: that each tool's copies are looked for in the registry's files, and that requests are counted.
it('the copy bench runs each of its experiments, and finds what was copied', async () => {
  const told = await quickBench('copy');
  assertIncludes(told, 'large image', 'one by one', 'in bulk', 'index with its referrers', 'again', 'PUT tag', 'waybill image copy');
});
