import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { sourceKinds } from '@waybill/webhook-sources';
import { fakeConsole } from '../console.fixture.ts';
import { createProgram } from '../program.ts';

const fixtures = join(import.meta.dirname, '../../../../test/fixtures/webhooks');
const main = join(import.meta.dirname, '../main.ts');
const folder = mkdtempSync(join(tmpdir(), 'waybill-parse-'));
after(() => rmSync(folder, { recursive: true }));

const fileOf = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const delivery = (events: readonly unknown[]): string => JSON.stringify({ events });
const push = (tag: string, host = 'registry.example') => ({
  ...{ id: tag, action: 'push', timestamp: '2024-08-06T12:00:00Z', request: { host } },
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${'a'.repeat(64)}`,
    size: 7,
    repository: 'team/app',
    tag,
  },
});

/** In this process: exit code and what was said where. */
async function parse(...words: readonly string[]) {
  const said = fakeConsole();
  let code: number | undefined;
  const program = createProgram({ console: said.console, env: {}, onExit: (exit) => (code = exit) });
  await program.parseAsync(['sources', 'parse', ...words], { from: 'user' });
  return { code, lines: said.out() === '' ? [] : said.out().split('\n'), err: said.err() };
}

/** In a process of its own, as scripts run it. */
async function run(...words: readonly string[]) {
  const child = execFile(process.execPath, [main, 'sources', 'parse', ...words]);
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close') as Promise<[number]>]);
  return { code, out, err };
}

describe('sources parse', () => {
  for (const kind of sourceKinds)
    for (const path of globSync(`${fixtures}/${kind}/*.json`).sort())
      it(`prints what is expected of ${kind} ${basename(path, '.json')}, and nothing else`, async () => {
        const { expected } = JSON.parse(readFileSync(path, 'utf8')) as { readonly expected: readonly unknown[] };
        const { code, lines } = await parse(kind, path);
        assert.equal(code, 0);
        assert.deepEqual(lines.map((line) => JSON.parse(line) as unknown), expected); // prettier-ignore
      });

  it('is a program: pushes on standard output, the rest on standard error, 0 for every answer', async () => {
    const pushed = await run('harbor', `${fixtures}/harbor/push-multiarch-index.json`);
    assert.equal(pushed.code, 0, pushed.err);
    assert.match(pushed.out, /^\{"registryHost":"harbor\.example\.com:8443",.*"action":"push"\}\n$/);
    const ignored = await run('harbor', `${fixtures}/harbor/quota-exceed-default.json`);
    assert.deepEqual([ignored.code, ignored.out], [0, '']);
    assert.match(ignored.err, /^ignored: .*\(NOT_ABOUT_IMAGES, part 0\)\noutcome: ignored: .*\n$/);
    const unread = await run('dockerhub', `${fixtures}/dockerhub/not-json.json`);
    assert.deepEqual([unread.code, unread.out], [0, '']);
    assert.match(unread.err, /^malformed: .*\(BODY_NOT_JSON, part 0\)\noutcome: malformed: the body is not JSON/);
  });

  it('reads standard input', async () => {
    const child = spawn(process.execPath, [main, 'sources', 'parse', 'distribution', '-']);
    child.stdin.end(JSON.stringify({ headers: {}, body: JSON.parse(delivery([push('1.0')])) as unknown }));
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number]>]);
    assert.equal(code, 0);
    assert.deepEqual((JSON.parse(out) as { tags: unknown }).tags, ['1.0']);
  });

  it('says each part of a batch that gives no push, in its place', async () => {
    const parts = [push('1.0'), { ...push('1.1'), action: 'delete' }, 7, push('1.2'), { ...push('x'), target: { mediaType: 'x/layer' } }];
    const { lines, err } = await parse('distribution', fileOf('batch.json', delivery(parts)), '--raw');
    assert.deepEqual(lines.map((line) => (JSON.parse(line) as { tags: unknown }).tags), [['1.0'], ['1.2']]); // prettier-ignore
    assert.match(err, /^event: ImageDeleted of registry\.example\/team\/app/);
    assert.match(err, /malformed: .*part 2\)/);
    assert.match(err, /outcome: 3 events$/);
  });

  it('takes a body byte for byte', async () => {
    const path = fileOf('raw.bin', Buffer.concat([Buffer.from(delivery([push('1.0')])), Buffer.from([0xff])]));
    const { code, err } = await parse('distribution', path, '--raw', '--header', 'Content-Type: application/json');
    assert.deepEqual([code, err.includes('BODY_NOT_UTF8')], [0, true]);
  });

  it('takes the registry host that the endpoint is configured with, on the command line before the recording', async () => {
    const path = fileOf(
      'host.json',
      JSON.stringify({ headers: {}, rawBody: delivery([push('1')]), config: { registryHost: 'one.example' } }),
    );
    const hostOf = async (...more: readonly string[]) => {
      const { lines } = await parse('distribution', path, ...more);
      return (JSON.parse(lines[0]!) as { registryHost: string }).registryHost;
    };
    assert.equal(await hostOf(), 'one.example');
    assert.equal(await hostOf('--registry-host', 'two.example'), 'two.example');
  });

  it('takes the settings of an endpoint as it is configured, and needs no secret for it', async () => {
    const auth = "auth: { scheme: bearer, secretFiles: ['${SECRETS_DIR}/none'] }";
    const endpoint = (name: string, kind: string) => `  - { name: ${name}, kind: ${kind}, registryHost: three.example, ${auth} }`;
    fileOf('sources.yaml', `sources:\n${endpoint('edge', 'distribution')}\n${endpoint('other', 'harbor')}\n`);
    const words = ['distribution', fileOf('edge.json', delivery([push('1.0')])), '--raw', '--config', folder, '--endpoint'];
    const { lines } = await parse(...words, 'edge');
    assert.equal((JSON.parse(lines[0]!) as { registryHost: string }).registryHost, 'three.example');
    for (const wrong of ['other', 'nobody'])
      await assert.rejects(parse(...words, wrong), /the endpoint (other is of harbor|nobody is not)/);
  });

  it('gives everything at once as one document on request', async () => {
    const path = fileOf('both.json', delivery([push('1.0'), { ...push('1.1'), action: 'pull' }]));
    const { lines, err } = await parse('distribution', path, '--raw', '-o', 'json');
    const answer = JSON.parse(lines.join('\n')) as { outcome: string; events: readonly unknown[]; pushes: readonly unknown[] };
    assert.deepEqual([answer.outcome, answer.events.length, answer.pushes.length, err], ['events', 2, 1, '']);
  });

  it('cannot be steered by what a sender chose', async () => {
    const path = fileOf('steer.json', delivery([{ ...push('1.0'), action: 'delete', actor: { name: '\u001b[2J' } }]));
    const { err } = await parse('distribution', path, '--raw');
    assert.ok(!err.includes('\u001b'));
  });

  for (const [why, words, said] of [
    ['a source that is none', ['nonsense', 'x.json'], /there is no source "nonsense"/],
    ['a file that is not there', ['harbor', join(folder, 'none.json')], /cannot be read: ENOENT/],
    ['a folder', ['harbor', folder], /cannot be read: EISDIR/],
    ['a file that is no JSON', ['harbor', fileOf('text.json', 'text')], /is no recording: it is not JSON/],
    ['a body alone that is not said to be one', ['harbor', fileOf('bare.json', '{"type":"PUSH"}')], /is no recording/],
    ['a recording without a body', ['harbor', fileOf('no-body.json', '{"headers":{}}')], /neither body nor rawBody/],
    ['headers that are no text', ['harbor', fileOf('headers.json', '{"headers":{"a":1},"body":{}}')], /\/headers/],
    ['a header that is none', ['harbor', fileOf('x.json', '{}'), '--raw', '--header', 'nonsense'], /is no header/],
    ['headers for a recording', ['harbor', fileOf('y.json', '{"headers":{},"body":{}}'), '--header', 'a: b'], /--header goes with --raw/],
  ] as const)
    it(`is wrong use (2) of ${why}`, async () => {
      const { code, out, err } = await run(...words);
      assert.deepEqual([code, out], [2, ''], err);
      assert.match(err, said);
    });
});
