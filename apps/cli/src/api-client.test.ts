import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createApiClient } from './api-client.ts';
import { CliError, type ExitCode } from './exit.ts';
import { addressOf, requireListening } from './reach.ts';

async function answering(status: number, body: string, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => response.writeHead(status).end(body.replace('URL', request.url ?? '')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
const failsWith = (exitCode: ExitCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CliError);
  assert.match(error.message, message);
  assert.ok(error.next.length > 0, 'says what to do next');
  return error.exitCode === exitCode;
};

describe('asking the API', () => {
  it('gives its answer, with the query as asked', () =>
    answering(200, '{"url":"URL"}', async (url) => {
      assert.deepEqual(await createApiClient(`${url}/base/`).get('/v1/x', { image: 'a/b:1', all: true, cursor: undefined }), {
        url: '/base/v1/x?image=a%2Fb%3A1&all=true',
      });
    }));

  const problem = '{"code":"X","message":"told","next":"do this"}';
  for (const [status, body, exitCode, message] of [
    [404, problem, 1, /told/],
    [400, problem, 2, /told/],
    [503, problem, 3, /told/],
    [500, problem, 3, /told/],
    [502, '<html>', 3, /answered 502/],
    [200, 'no JSON', 3, /answered 200/],
    [404, 'null', 3, /answered 404/],
  ] as const)
    it(`exits with ${exitCode} on ${status} ${body.slice(0, 10)}`, () =>
      answering(status, body, (url) => assert.rejects(createApiClient(url).get('/'), failsWith(exitCode, message))));

  it('says what to do next in commands, not in paths of the API', () =>
    answering(404, '{"message":"told","next":"Look at /v1/images, then at /v1/policies."}', (url) =>
      assert.rejects(createApiClient(url).get('/'), (error: unknown) => {
        assert.equal((error as CliError).next, 'Look at `waybill images`, then at `waybill policy`.');
        return true;
      }),
    ));

  it('exits with 3 where nobody answers, and with 2 where the address is none', async () => {
    await assert.rejects(createApiClient('http://127.0.0.1:1').get('/'), failsWith(3, /does not answer/));
    for (const url of ['', 'nonsense', 'file:///etc/passwd']) await assert.rejects(createApiClient(url).get('/'), failsWith(2, /no URL/));
  });
});

describe('whether anything listens', () => {
  it('is enough for one of several', () =>
    answering(200, '', async (url) => requireListening('Kafka', ['127.0.0.1:1', addressOf(url)], 'next')));
  it('exits with 3 naming what does not', () =>
    assert.rejects(requireListening('Kafka', ['127.0.0.1:1'], 'next'), failsWith(3, /Kafka does not answer at 127.0.0.1:1/)));
  it('exits with 2 where the address is none', () =>
    assert.rejects(requireListening('Kafka', ['nonsense'], 'next'), failsWith(2, /no host:port/)));
});
