import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { readBlob } from '../blob/blob.ts';
import { secretsFolder } from '../auth/cloud.fixture.ts';
import { digestOf } from '../descriptor/digest.ts';
import { getManifest } from '../manifest/manifest.ts';
import { createRegistryClient, type RegistryClient } from './client.ts';
import { httpAnswer, startScriptedServer, type Exchange } from './scripted-server.fixture.ts';

const password = 'pass-hunter2';
const basic = Buffer.from(`robot:${password}`).toString('base64');
const token = 'token-hunter3';
const signature = 'X-Amz-Signature=hunter4';
const secrets = [password, basic, token, signature, 'hunter'];
const signal = AbortSignal.timeout(30_000);
/** All of them, as a hostile or a talkative server may send them back. */
const echo = `${password} ${basic} Bearer ${token} ?${signature}`;

/** All that anybody could print of an error. */
function printed(error: unknown): string {
  let line = '';
  const log = pino({}, new Writable({ write: (chunk: Buffer, _encoding, done) => ((line += chunk.toString()), done()) }));
  log.error({ err: error, error }, String(error));
  return [
    inspect(error, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(error),
    String(error),
    (error as Error).stack,
    line,
  ].join('\n');
}

const blob = { repository: 'team/app', descriptor: { digest: digestOf('x'), sizeBytes: 1, mediaType: 'application/octet-stream' } };
const readAll = {
  manifest: (client: RegistryClient) => getManifest(client, { repository: 'team/app', reference: 'v1' }, signal),
  blob: (client: RegistryClient) => readBlob(client, blob, 10, signal),
};

/** A registry that wants a token, hands it out, and then does its worst. */
async function failuresOf(test: TestContext, worst: (exchange: Exchange, url: string) => void): Promise<readonly unknown[]> {
  let url = '';
  const server = await startScriptedServer(test, (exchange) => {
    const { head, socket } = exchange;
    const isKnown = head.includes(token);
    if (head.startsWith('GET /token')) socket.write(httpAnswer(200, {}, JSON.stringify({ token })));
    else if (isKnown || head.includes(signature)) worst(exchange, url);
    else socket.write(httpAnswer(401, { 'www-authenticate': `Bearer realm="${url}/token",service="s"` }));
  });
  url = `http://${server.host}`;
  const passwordFile = secretsFolder(test).write('password', password);
  const registry = { name: 'a', host: server.host, plainHttp: true, username: 'robot', passwordFile };
  const client = createRegistryClient(registry, { repeatMsMax: 0, answerMs: 200, idleMs: 200 });
  test.after(client.close);
  const failures: unknown[] = [];
  for (const read of Object.values(readAll)) await read(client).catch((error: unknown) => failures.push(error));
  assert.equal(failures.length, 2);
  assert.ok(
    server.heads.some((head) => head.includes(basic)),
    'the password was in use',
  );
  return failures;
}

const worsts: Readonly<Record<string, (exchange: Exchange, url: string) => void>> = {
  'errors that quote them': ({ socket }) =>
    socket.write(httpAnswer(500, { 'x-echo': echo }, JSON.stringify({ errors: [{ code: echo, message: echo }] }))),
  'a refusal that quotes them': ({ socket }) => socket.write(httpAnswer(401, { 'www-authenticate': `Basic realm="${echo}"` }, echo)),
  'what is not HTTP, and quotes them': ({ socket }) => socket.write(`${echo}\r\n\r\n`),
  'headers that break off': ({ socket }) => socket.end(`HTTP/1.1 200 OK\r\nx-echo: ${echo}`),
  'a body that breaks off': ({ socket }) => socket.end(httpAnswer(200, { 'content-length': '9999' }, echo)),
  'a body that quotes them': ({ socket }) =>
    socket.write(httpAnswer(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, echo)),
  silence: () => {},
  'a signed address that is refused': ({ socket, head }, url) =>
    socket.write(head.includes(signature) ? httpAnswer(403, {}, echo) : httpAnswer(307, { location: `${url}/storage?${signature}` })),
  'a signed address that breaks off': ({ socket, head }, url) =>
    void (head.includes(signature) ? socket.resetAndDestroy() : socket.write(httpAnswer(307, { location: `${url}/storage?${signature}` }))),
  'a signed address that is none': ({ socket }) => socket.write(httpAnswer(307, { location: `gopher://x/?${signature}` })),
  'signed addresses in a circle': ({ socket }, url) => socket.write(httpAnswer(307, { location: `${url}/storage?${signature}` })),
};

describe('no secret is in an error, its causes or a line of a log', () => {
  for (const [name, worst] of Object.entries(worsts)) {
    it(`after ${name}`, async (test) => {
      for (const failure of await failuresOf(test, worst)) {
        const text = printed(failure);
        for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`);
      }
    });
  }

  it('after a token realm that quotes them', async (test) => {
    let url = '';
    const answers = [
      httpAnswer(401, { 'x-echo': echo }, echo),
      httpAnswer(200, {}, `{"token":"${echo}\\n"}`),
      `${echo}\r\n\r\n`,
      httpAnswer(200, {}, echo),
    ];
    const server = await startScriptedServer(test, ({ head, socket }) =>
      socket.write(
        head.startsWith('GET /token') ? answers.shift()! : httpAnswer(401, { 'www-authenticate': `Bearer realm="${url}/token"` }),
      ),
    );
    url = `http://${server.host}`;
    const passwordFile = secretsFolder(test).write('password', password);
    const client = createRegistryClient(
      { name: 'a', host: server.host, plainHttp: true, username: 'robot', passwordFile },
      { repeatMsMax: 0 },
    );
    test.after(client.close);
    while (answers.length > 0) {
      const failure = await readAll.manifest(client).catch((error: unknown) => error);
      const text = printed(failure);
      for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`);
    }
  });
});
