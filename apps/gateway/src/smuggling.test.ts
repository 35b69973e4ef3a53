import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import { bearer, memoryLog, push, startGateway } from './gateway.fixture.ts';
import { sendRaw } from './raw.fixture.ts';

// Goal: bytes that two readers could take for different requests give one refusal and a closed connection, or one delivery. Never two.
const log = memoryLog();
const { app } = await startGateway(log.append);
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as AddressInfo;
after(() => app.close());
beforeEach(() => log.sends.splice(0));

const body = JSON.stringify({ events: [push('first-00')] });
const line = 'POST /v1/webhooks/distribution HTTP/1.1\r\n';
const proof = `authorization: ${bearer.authorization}\r\n`;
const head = `${line}host: x\r\n${proof}`;
const length = `content-length: ${body.length}\r\n`;
const chunked = 'transfer-encoding: chunked\r\n';
const size = body.length.toString(16);
const chunks = `${size}\r\n${body}\r\n0\r\n\r\n`;
/** What an attacker would like to be taken for a request of its own. */
const second = `${head}${length}\r\n${body.replace('first-', 'other-')}`;

let rowsCount = 0;
/** Every row is a delivery of its own: one that came before is known again, and not taken twice. */
const fresh = (bytes: string): string => bytes.replaceAll('-00', `-${(10 + rowsCount++).toString(36).padStart(2, '0')}`);

/** Answers, the last one to a probe behind: a 404 says that the connection was left open. */
const taken = [202, 404];
const refused = [400];

const table: Readonly<Record<string, readonly (readonly [what: string, bytes: string, statuses: readonly number[]])[]>> = {
  'a length': [
    ['once', `${head}${length}\r\n${body}`, taken],
    ['twice, both right', `${head}${length}${length}\r\n${body}`, refused],
    ['twice, and different', `${head}${length}content-length: 0\r\n\r\n${second}`, refused],
    ['as a list', `${head}content-length: ${body.length}, ${body.length}\r\n\r\n${body}`, refused],
    ['with a sign', `${head}content-length: +${body.length}\r\n\r\n${body}`, refused],
    ['below zero', `${head}content-length: -1\r\n\r\n${body}`, refused],
    ['in hex', `${head}content-length: 0x10\r\n\r\n${body}`, refused],
    ['of nothing', `${head}content-length:\r\n\r\n${body}`, refused],
    ['over 64 bits', `${head}content-length: 99999999999999999999\r\n\r\n${body}`, refused],
    ['with a blank inside', `${head}content-length: 1 0\r\n\r\n${body}`, refused],
    ['in a name with an underscore is none', `${head}content_length: 0\r\n${length}\r\n${body}`, taken],
    ['that is too short leaves bytes that are no request', `${head}content-length: 2\r\n\r\n{}xx`, [202]],
    ['left out: the body is none, and what follows no request', `${head}\r\n{}`, [202]],
  ],
  chunks: [
    ['alone', `${head}${chunked}\r\n${chunks}`, taken],
    ['in capitals', `${head}Transfer-Encoding: CHUNKED\r\n\r\n${chunks}`, taken],
    ['behind a length', `${head}${length}${chunked}\r\n0\r\n\r\n${second}`, refused],
    ['before a length', `${head}${chunked}${length}\r\n0\r\n\r\n${second}`, refused],
    ['twice', `${head}${chunked}${chunked}\r\n${chunks}`, refused],
    ['of another coding', `${head}transfer-encoding: gzip, chunked\r\n\r\n${chunks}`, refused],
    ['before another coding', `${head}transfer-encoding: chunked, identity\r\n\r\n${chunks}`, refused],
    ['almost', `${head}transfer-encoding: xchunked\r\n\r\n${chunks}`, refused],
    ['in HTTP/1.0', `${head.replace('1.1', '1.0')}${chunked}\r\n${chunks}`, refused],
    ['behind a vertical tab', `${head}transfer-encoding:\x0bchunked\r\n\r\n${chunks}`, refused],
    ['with a blank before the colon', `${head}transfer-encoding : chunked\r\n\r\n${chunks}`, refused],
    ['with an extension', `${head}${chunked}\r\n${size};a=b\r\n${body}\r\n0\r\n\r\n`, taken],
    ['with a line break in the extension', `${head}${chunked}\r\n${size};a\nb\r\n${body}\r\n0\r\n\r\n`, refused],
    ['with an endless extension', `${head}${chunked}\r\n${size};a=${'b'.repeat(20_000)}\r\n${body}\r\n0\r\n\r\n`, refused],
    ['of a size over 64 bits', `${head}${chunked}\r\n1000000000000000${size}\r\n${body}\r\n0\r\n\r\n`, refused],
    ['of a size below zero', `${head}${chunked}\r\n-2\r\n{}\r\n0\r\n\r\n`, refused],
    ['of a size with a prefix', `${head}${chunked}\r\n0x2\r\n{}\r\n0\r\n\r\n`, refused],
    ['of a size with a blank', `${head}${chunked}\r\n2 \r\n{}\r\n0\r\n\r\n`, refused],
    ['longer than they say', `${head}${chunked}\r\n2\r\n{}{}\r\n0\r\n\r\n`, refused],
    ['with bare line feeds', `${head}${chunked}\r\n2\n{}\n0\n\n`, refused],
    ['with a proof in the trailer is no proof', `${line}host: x\r\n${chunked}\r\n2\r\n{}\r\n0\r\n${proof}\r\n`, [401, 404]],
    ['with a length in the trailer', `${head}${chunked}\r\n2\r\n{}\r\n0\r\n${length}\r\n`, refused],
  ],
  'a header': [
    ['Host twice', `${line}host: x\r\nhost: y\r\n${proof}${length}\r\n${body}`, refused],
    ['Host left out', `${line}${proof}${length}\r\n${body}`, refused],
    ['Authorization twice', `${head}authorization: Bearer other\r\n${length}\r\n${body}`, refused],
    ['Content-Type twice', `${head}content-type: a/b\r\ncontent-type: c/d\r\n${length}\r\n${body}`, refused],
    ['folded', `${head}x-a: a\r\n b\r\n${length}\r\n${body}`, refused],
    ['folded around a length', `${head}content-length:\r\n ${body.length}\r\n\r\n${body}`, refused],
    ['behind a blank', `${line} host: x\r\n${proof}${length}\r\n${body}`, refused],
    ['without a colon', `${head}xyz\r\n${length}\r\n${body}`, refused],
    ['without a name', `${head}: a\r\n${length}\r\n${body}`, refused],
    ['with NUL in its name', `${head}x\0: a\r\n${length}\r\n${body}`, refused],
    ['with NUL in its value', `${head}x: a\0b\r\n${length}\r\n${body}`, refused],
    ['with a bare carriage return', `${head}x: a\rcontent-length: 0\r\n${length}\r\n${body}`, refused],
    ['with a bare line feed', `${head}x: a\n${length}\r\n${body}`, refused],
    ['end of a bare line feed', `${head}content-length: 2\n\n{}`, refused],
    ['over the limit', `${head}x: ${'a'.repeat(17_000)}\r\n${length}\r\n${body}`, [431]],
    ['too many', `${head}${'a:\r\n'.repeat(100)}${length}\r\n${body}`, [431]],
    ['far too many: Node drops those above 2,000', `${line}host: x\r\n${'a:\r\n'.repeat(2_100)}${proof}${length}\r\n${body}`, [431]],
  ],
  'a request line': [
    ['of HTTP/1.0', `${line.replace('1.1', '1.0')}${proof}${length}\r\n${body}`, [202]],
    ['of HTTP/0.9', 'POST /v1/webhooks/distribution\r\n\r\n', refused],
    ['of HTTP/1.2', `${head.replace('1.1', '1.2')}${length}\r\n${body}`, refused],
    ['of HTTP/2.0', `${head.replace('1.1', '2.0')}${length}\r\n${body}`, refused],
    ['of a real HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', refused],
    ['with a whole URL', `${head.replace('/v1', 'http://elsewhere/v1')}${length}\r\n${body}`, taken],
    ['with a host only', `POST elsewhere:80 HTTP/1.1\r\nhost: x\r\n${proof}${length}\r\n${body}`, refused],
    ['with an asterisk', `POST * HTTP/1.1\r\nhost: x\r\n${proof}${length}\r\n${body}`, [404, 404]],
    ['with a blank in the path', `${head.replace('/v1', '/v1 /x')}${length}\r\n${body}`, refused],
    ['with a tab', `${head.replace(' ', '\t')}${length}\r\n${body}`, refused],
    ['with NUL in the path', `${head.replace('/v1', '/v1\0')}${length}\r\n${body}`, refused],
    ['with bytes above ASCII', `${head.replace('/v1', '/v1\xe9')}${length}\r\n${body}`, refused],
    ['in lower case', `${head.replace('POST', 'post')}${length}\r\n${body}`, refused],
    ['over the limit', `${head.replace('/v1', `/${'a'.repeat(17_000)}`)}${length}\r\n${body}`, [431]],
    ['that ends in a line feed', `${head.replace('1.1\r\n', '1.1\n')}${length}\r\n${body}`, refused],
    ['behind empty lines', `\r\n\r\n${head}${length}\r\n${body}`, taken],
    ['that asks for a tunnel', 'CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n\r\n', [405]],
  ],
  'a connection': [
    ['that wants to be a WebSocket stays what it is', `${head}connection: upgrade\r\nupgrade: websocket\r\n${length}\r\n${body}`, taken],
    ['that wants to be HTTP/2 too', `${head}connection: upgrade, http2-settings\r\nupgrade: h2c\r\n${length}\r\n${body}`, taken],
    ['that was to end takes no more', `${head}connection: close\r\n${length}\r\n${body}${second}`, [202]],
    ['whose sender waits to be asked', `${head}expect: 100-continue\r\n${length}\r\n${body}`, [100, ...taken]],
    ['whose sender waits for something else', `${head}expect: 200-ok\r\n${length}\r\n${body}`, [417]],
  ],
};

for (const [subject, rows] of Object.entries(table))
  describe(subject, () => {
    for (const [what, bytes, statuses] of rows)
      it(what, async () => {
        const transcript = await sendRaw(port, fresh(bytes));
        assert.deepEqual(transcript.statuses, statuses, transcript.text);
        const deliveries = log.records().filter(({ topic }) => topic === topics.deliveries.name);
        assert.equal(deliveries.length, statuses.includes(202) ? 1 : 0);
        for (const [answer] of transcript.text.matchAll(/\{.*?\}/g)) assert.match(answer, /^\{"(?:code":"[A-Z_]+","message|deliveryId)":/);
      });
  });

describe('requests that are sent without waiting for answers', () => {
  it('are answered one by one, in order, also when the last is none', async () => {
    const unknown = second.replace('distribution', 'nobody');
    const { statuses } = await sendRaw(port, `${second}${unknown}${second}GARBAGE\r\n\r\n`);
    assert.deepEqual(statuses, [202, 404, 202]);
  });
});

describe('a body that its sender holds back until it is asked for', () => {
  for (const [why, bytes, status] of [
    ['without a proof', `${line}host: x\r\nexpect: 100-continue\r\n${length}\r\n`, 401],
    ['that would be too large', `${head}expect: 100-continue\r\ncontent-length: 2000000\r\n\r\n`, 413],
    ['for nobody', `${head.replace('distribution', 'nobody')}expect: 100-continue\r\n${length}\r\n`, 404],
  ] as const)
    it(`${why} is not asked for`, async () => assert.deepEqual((await sendRaw(port, bytes)).statuses, [status]));
});
