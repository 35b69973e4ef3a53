import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createRegistryClient, formatReference } from '@waybill/oci';
import { pushImage, pushReferrer, randomImage, startFakeRegistry } from '@waybill/testing';
import { CliError } from '../exit.ts';
import { parsePairs, readPairs } from './copy-pairs.ts';

const shown = (text: string) => parsePairs(text, 'list').map(({ from, to }) => `${formatReference(from)} ${formatReference(to)}`);
const refused = (text: string): string => {
  try {
    parsePairs(text, 'list');
  } catch (error) {
    assert.ok(error instanceof CliError && error.exitCode === 2);
    return error.message;
  }
  return assert.fail('nothing was refused');
};

describe('pairs of a file', () => {
  it('stand one on a line, with space between and words for people', () =>
    assert.deepEqual(shown('# mirror\r\n\r\nalpine:3 b.example/alpine:3 # small\n\ta.example/x  b.example/y\n'), [
      'docker.io/library/alpine:3 b.example/alpine:3',
      'a.example/x:latest b.example/y:latest',
    ]));

  it('are refused with the line that is none', () => {
    assert.match(refused('a/x b/y\na/x'), /^list:2 is no pair/);
    assert.match(refused('a/x b/y c/z'), /^list:1 is no pair/);
    assert.match(refused('\na/x b/Y'), /^list:2 .+upper-case/);
    assert.match(refused(`a/x b/y@sha256:${'a'.repeat(64)}`), /^list:1 .+digest/);
    assert.match(refused('# nothing\n'), /names no image/);
    assert.match(refused('\n'.repeat(100_001)), /more than 100000 lines/);
  });
});

describe('all tags of a repository', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-pairs-'));
  const registry = await startFakeRegistry({ referrersApi: false });
  const client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
  after(async () => {
    await client.close();
    await registry.close();
    rmSync(folder, { recursive: true });
  });
  const pairs = (from: string, to: string) => readPairs({ kind: 'all-tags', from, to }, () => client, AbortSignal.timeout(30_000));

  it('keep their names, and those that belong to an image are left to it', async () => {
    const target = { client, repository: 'app' };
    const image = await pushImage({ ...target, tag: '1' }, randomImage());
    await pushImage({ ...target, tag: 'sha256-1' }, randomImage());
    await pushReferrer(target, { subject: image, artifactType: 'application/vnd.test.signature', payload: 'signed' });
    const found = await pairs(`${registry.host}/app`, 'b.example/mirror');
    assert.deepEqual(
      found.map(({ from, to }) => [from.reference, formatReference(to)]),
      [
        ['1', 'b.example/mirror:1'],
        ['sha256-1', 'b.example/mirror:sha256-1'],
      ],
    );
  });

  it('are refused where a tag or a digest is said', async () => {
    for (const [from, to] of [
      [`${registry.host}/app:1`, 'b.example/x'],
      [`${registry.host}/app`, `b.example/x@sha256:${'a'.repeat(64)}`],
    ] as const)
      await assert.rejects(pairs(from, to), (error: unknown) => error instanceof CliError && error.exitCode === 2);
  });

  it('are read from a file like all else that a command line names', async () => {
    writeFileSync(join(folder, 'list'), 'a/x b/y');
    assert.equal((await readPairs({ kind: 'file', path: join(folder, 'list') }, () => client, AbortSignal.timeout(1_000))).length, 1);
  });
});
