import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { digestOf } from '../descriptor/digest.ts';
import { readBlob } from '../blob/blob.ts';
import { getManifest } from '../manifest/manifest.ts';
import { createRegistryClient, type ClientOptions, type RegistryClient } from './client.ts';
import { OciError, type OciErrorCode } from './errors.ts';
import { flood, httpAnswer, startScriptedServer, type Exchange } from './scripted-server.fixture.ts';

type Row = {
  /** `a registry that …` */
  readonly name: string;
  readonly answer: (exchange: Exchange) => void;
  readonly code: OciErrorCode;
  readonly retry: boolean;
  /** What the message says beside. */
  readonly message?: RegExp;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly read?: (client: RegistryClient, signal: AbortSignal) => Promise<unknown>;
  readonly isTls?: boolean;
};

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const blobBytes = Buffer.from('twelve bytes');
const blob = { digest: digestOf(blobBytes), sizeBytes: blobBytes.byteLength, mediaType: 'application/octet-stream' };
const blobQuery = { repository: 'team/app', descriptor: blob };
const aBlob = (client: RegistryClient, signal: AbortSignal) => readBlob(client, blobQuery, 1_000, signal);
const aManifest = (client: RegistryClient, signal: AbortSignal) => getManifest(client, { repository: 'team/app', reference: 'v1' }, signal);
const json = (status: number, headers: Readonly<Record<string, string>>, value: unknown) =>
  httpAnswer(status, headers, JSON.stringify(value));

const rows: readonly Row[] = [
  {
    name: 'turns away with 429, Retry-After and a code of its own',
    answer: ({ socket }) => socket.write(json(429, { 'retry-after': '77' }, { errors: [{ code: 'TOOMANYREQUESTS' }] })),
    ...{ code: 'REGISTRY_RATE_LIMITED', retry: true, more: { status: 429, retryAfterMs: 77_000, registryCode: 'TOOMANYREQUESTS' } },
  },
  {
    name: 'turns away with 429 and a quota that is used up',
    answer: ({ socket }) => socket.write(httpAnswer(429, { ratelimit: '"default";r=0;t=90' })),
    ...{ code: 'REGISTRY_RATE_LIMITED', retry: true, more: { retryAfterMs: 90_000 } },
  },
  {
    name: 'answers 502',
    answer: ({ socket }) => socket.write(httpAnswer(502, { 'content-type': 'text/html' }, '<h1>Bad Gateway</h1>')),
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true, more: { status: 502 } },
  },
  {
    name: 'answers 501: no try can help',
    answer: ({ socket }) => socket.write(httpAnswer(501)),
    ...{ code: 'REGISTRY_REJECTED', retry: false },
  },
  {
    name: 'resets the connection before it answers',
    answer: ({ socket }) => socket.resetAndDestroy(),
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true, message: /ECONNRESET|UND_ERR_SOCKET/ },
  },
  {
    name: 'resets the connection within the headers',
    answer: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.resetAndDestroy()),
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true },
  },
  {
    name: 'cuts a manifest off',
    answer: ({ socket }) => socket.end(httpAnswer(200, { 'content-type': manifestType, 'content-length': '99' }, '{')),
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true },
  },
  {
    name: 'cuts a blob off',
    answer: ({ socket }) => socket.end(httpAnswer(200, { 'content-length': '12' }, 'twelve')),
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true, read: aBlob },
  },
  {
    name: 'cuts off a blob without a length',
    answer: ({ socket }) =>
      socket.end(
        httpAnswer(200, { 'transfer-encoding': 'chunked', 'content-length': '' }, '').replace(/content-length: \r\n/, '') +
          '6\r\ntwelve\r\n',
      ),
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true, read: aBlob },
  },
  {
    name: 'says a length that is too short',
    answer: ({ socket }) => socket.end(httpAnswer(200, { 'content-length': '6' }, blobBytes.toString())),
    ...{ code: 'CONTENT_SIZE_MISMATCH', retry: true, read: aBlob },
  },
  {
    name: 'says a length that is too long',
    answer: ({ socket }) => socket.end(httpAnswer(200, { 'content-length': '13' }, blobBytes.toString())),
    ...{ code: 'CONTENT_SIZE_MISMATCH', retry: true, read: aBlob },
  },
  {
    name: 'says a length and sends chunks',
    answer: ({ socket }) =>
      socket.write(httpAnswer(200, { 'content-length': '3', 'transfer-encoding': 'chunked' }, '2\r\n{}\r\n0\r\n\r\n')),
    ...{ code: 'CONTENT_SIZE_MISMATCH', retry: true },
  },
  {
    name: 'says two lengths',
    answer: ({ socket }) => socket.write(httpAnswer(200, { 'content-length': '2', 'Content-Length': '3' }, '{}')),
    ...{ code: 'CONTENT_SIZE_MISMATCH', retry: true },
  },
  {
    name: 'sends a blob of another digest',
    answer: ({ socket }) => socket.write(httpAnswer(200, {}, 'TWELVE BYTES')),
    ...{ code: 'CONTENT_DIGEST_MISMATCH', retry: true, read: aBlob },
  },
  {
    name: 'sends a manifest of another digest than it names',
    answer: ({ socket }) => socket.write(httpAnswer(200, { 'content-type': manifestType, 'docker-content-digest': blob.digest }, '{}')),
    ...{ code: 'CONTENT_DIGEST_MISMATCH', retry: true },
  },
  {
    name: 'redirects in a circle',
    answer: ({ socket, index }) => socket.write(httpAnswer(307, { location: `/v2/team/app/manifests/${index % 2 ? 'v1' : 'v2'}` })),
    ...{ code: 'REDIRECT_REFUSED', retry: false, message: /more than 5 times: check its external URL/ },
  },
  {
    name: 'redirects to another scheme',
    answer: ({ socket }) => socket.write(httpAnswer(302, { location: 'ftp://127.0.0.1/v1' })),
    ...{ code: 'REDIRECT_REFUSED', retry: false, message: /not https/ },
  },
  {
    name: 'answers with a page for people',
    answer: ({ socket }) =>
      socket.write(httpAnswer(200, { 'content-type': 'text/html; charset=utf-8' }, '<!doctype html><h1>Sign in</h1>')),
    ...{ code: 'REGISTRY_PROTOCOL', retry: false, message: /HTML page: a portal or proxy/ },
  },
  {
    name: 'keeps silent',
    answer: () => {},
    ...{ code: 'REGISTRY_TIMEOUT', retry: true, message: /UND_ERR_HEADERS_TIMEOUT/ },
  },
  {
    name: 'falls silent within the headers',
    answer: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\n'),
    ...{ code: 'REGISTRY_TIMEOUT', retry: true },
  },
  {
    name: 'falls silent within a body',
    answer: ({ socket }) => socket.write(httpAnswer(200, { 'content-type': manifestType, 'content-length': '99' }, '{')),
    ...{ code: 'REGISTRY_TIMEOUT', retry: true, message: /UND_ERR_BODY_TIMEOUT/ },
  },
  {
    name: 'falls silent within a blob',
    answer: ({ socket }) => socket.write(httpAnswer(200, { 'content-length': '12' }, 'twelve')),
    ...{ code: 'REGISTRY_TIMEOUT', retry: true, read: aBlob },
  },
  {
    name: 'sends garbage for a manifest',
    answer: ({ socket }) => socket.write(httpAnswer(200, { 'content-type': manifestType }, '{"schemaVersion":2,')),
    ...{ code: 'MANIFEST_INVALID', retry: false },
  },
  {
    name: 'sends garbage for an error',
    answer: ({ socket }) => socket.write(httpAnswer(403, { 'content-type': 'application/json' }, '{"errors":[{"code":{"a":')),
    ...{ code: 'REGISTRY_DENIED', retry: false, more: { status: 403, registryCode: undefined } },
  },
  {
    name: 'sends a manifest without an end',
    answer: ({ socket }) => {
      socket.write(httpAnswer(200, { 'content-type': manifestType, 'transfer-encoding': 'chunked' }).replace(/content-length: 0\r\n/, ''));
      flood(socket, Buffer.from(`10000\r\n${' '.repeat(65_536)}\r\n`));
    },
    ...{ code: 'CONTENT_TOO_LARGE', retry: false },
  },
  {
    name: 'sends a blob without an end',
    answer: ({ socket }) => {
      socket.write(httpAnswer(200, { 'transfer-encoding': 'chunked' }).replace(/content-length: 0\r\n/, ''));
      flood(socket, Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`));
    },
    ...{ code: 'CONTENT_SIZE_MISMATCH', retry: true, read: aBlob },
  },
  {
    name: 'sends an error without an end',
    answer: ({ socket }) => {
      socket.write(httpAnswer(500, { 'transfer-encoding': 'chunked' }).replace(/content-length: 0\r\n/, ''));
      flood(socket, Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`));
    },
    ...{ code: 'REGISTRY_UNAVAILABLE', retry: true, more: { status: 500 } },
  },
  {
    name: 'sends headers without an end',
    answer: ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      flood(socket, Buffer.from(`x-more: ${'x'.repeat(8_000)}\r\n`));
    },
    ...{ code: 'REGISTRY_PROTOCOL', retry: false },
  },
  {
    name: 'is no HTTP server',
    answer: ({ socket }) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'),
    ...{ code: 'REGISTRY_PROTOCOL', retry: false, message: /check its host and port/ },
  },
  {
    name: 'does not speak TLS where it should',
    answer: ({ socket }) => socket.write(httpAnswer(400)),
    ...{ code: 'REGISTRY_PROTOCOL', retry: false, message: /plainHttp in registries\.yaml/, isTls: true },
  },
];

const once: ClientOptions = { answerMs: 300, idleMs: 300, repeatMsMax: 0 };

async function failureOf(test: TestContext, { answer, read = aManifest, isTls = false }: Row): Promise<OciError> {
  const server = await startScriptedServer(test, answer);
  const client = createRegistryClient({ name: 'scripted', host: server.host, plainHttp: !isTls }, once);
  test.after(client.close);
  const error: unknown = await read(client, AbortSignal.timeout(20_000)).then(
    () => assert.fail('it should have failed'),
    (reason) => reason as unknown,
  );
  assert.ok(error instanceof OciError, String(error));
  assert.deepEqual([error.host, error.repository], [server.host, 'team/app']);
  return error;
}

describe('a registry that', () => {
  for (const row of rows) {
    it(`${row.name}: ${row.code}`, async (test) => {
      const error = await failureOf(test, row);
      const { code, retry } = row;
      assert.deepEqual({ code: error.code, retry: error.retry }, { code, retry }, error.message);
      for (const [name, value] of Object.entries(row.more ?? {})) assert.deepEqual(error[name as keyof OciError], value, name);
      assert.match(error.message, row.message ?? /./);
    });
  }

  it('floods with an error is read no further than it takes to understand it', async (test) => {
    const closed = Promise.withResolvers<number>();
    await failureOf(test, {
      ...{ name: '', code: 'REGISTRY_UNAVAILABLE', retry: true },
      answer: ({ socket }) => {
        socket.write(httpAnswer(500, { 'content-length': '99999999999' }));
        socket.once('close', () => closed.resolve(socket.bytesWritten));
        flood(socket, Buffer.alloc(65_536, 'x'));
      },
    });
    assert.ok((await closed.promise) < 16 * 1_048_576);
  });

  it('drips an error byte by byte is not waited for', async (test) => {
    const error = await failureOf(test, {
      ...{ name: '', code: 'REGISTRY_UNAVAILABLE', retry: true },
      answer: ({ socket }) => {
        socket.write(httpAnswer(503, { 'content-length': '9999' }));
        const dripping = setInterval(() => socket.write('x'), 50);
        socket.once('close', () => clearInterval(dripping));
      },
    });
    assert.equal(error.status, 503);
  });
});
