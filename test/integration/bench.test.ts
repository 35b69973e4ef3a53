import assert from 'node:assert/strict';
import { it } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';

// Tiny sizes: that every experiment runs and that its outputs are right, never how fast. `--quick` leaves the Java peer out.
it('the stream bench runs each of its experiments, and finds each occurrence once in their outputs', async () => {
  const { all, exitCode } = await execa('node', ['test/bench/run.ts', 'stream', '--quick'], {
    cwd: repositoryRoot,
    all: true,
    reject: false,
  });
  assert.equal(exitCode, 0, all);
  for (const what of ['ours, 1 process', 'ours, 2 processes', 'at-least-once', 'after kill -9', 'an idle app', '20 keys'])
    assert.ok(all.includes(what), `${what} is in:\n${all}`);
});
