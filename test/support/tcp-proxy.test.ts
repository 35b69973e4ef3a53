import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { framesOf, startTcpProxy, type Frame, type TcpProxy } from './tcp-proxy.ts';

const produce = 0;
const endTxn = 26;

function request(key: number, correlationId: number, body = ''): Buffer {
  const bytes = Buffer.alloc(18 + body.length);
  bytes.writeInt32BE(bytes.length - 4, 0);
  bytes.writeInt16BE(key, 4);
  bytes.writeInt32BE(correlationId, 8);
  bytes.writeInt16BE(4, 12);
  bytes.write(`test${body}`, 14);
  return bytes;
}

/** What the broker of this test says: the correlation id and as many bytes again as it was asked with. */
function answerTo(bytes: Buffer): Buffer {
  const answer = Buffer.from(bytes);
  answer.writeInt32BE(bytes.readInt32BE(8), 4);
  return answer;
}

const idOf = ({ value }: IteratorResult<Buffer, void>): number | undefined => value?.readInt32BE(4);

let broker: Server;
let taken: Buffer[];
let isSilent: boolean;
let proxy: TcpProxy;
const brokerSockets = new Set<Socket>();

before(async () => {
  broker = createServer((socket) => {
    brokerSockets.add(socket.on('error', () => undefined));
    socket.once('close', () => brokerSockets.delete(socket));
    void (async () => {
      for await (const frame of framesOf(socket)) {
        taken.push(frame);
        if (!isSilent) socket.write(answerTo(frame));
      }
    })().catch(() => undefined);
  });
  await once(broker.listen(0, '127.0.0.1'), 'listening');
});
after(() => void broker.close());
beforeEach(async () => {
  [taken, isSilent] = [[], false];
  proxy = await startTcpProxy({ port: 0, targetPort: (broker.address() as AddressInfo).port });
});
afterEach(() => proxy.close());

async function client(): Promise<{ socket: Socket; answers: AsyncIterator<Buffer, void>; ended: Promise<string> }> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
  });
  await Promise.race([once(socket, 'connect').catch(() => undefined), ended]);
  return { socket, answers: framesOf(socket)[Symbol.asyncIterator](), ended };
}
const isTaken = async (count: number): Promise<void> => {
  while (taken.length < count) await new Promise((resolve) => setImmediate(resolve));
};

describe('a proxy without a rule', () => {
  it('hands frames on as they are, whatever pieces they come in', async () => {
    const { socket, answers } = await client();
    const sent = [request(produce, 1, 'x'.repeat(100_000)), request(endTxn, 2), request(3, -7, 'y')];
    for (const byte of Buffer.concat(sent.slice(1))) socket.write(Buffer.from([byte]));
    socket.write(sent[0]!);
    for (const expected of [sent[1]!, sent[2]!, sent[0]!]) assert.deepEqual((await answers.next()).value, answerTo(expected));
    assert.deepEqual(taken, [sent[1], sent[2], sent[0]]);
  });

  it('closes a side when the other goes', async () => {
    const { socket } = await client();
    socket.write(request(produce, 1));
    await isTaken(1);
    const gone = new Promise((resolve) => [...brokerSockets][0]!.once('close', resolve));
    socket.destroy();
    await gone;
  });

  it('ends a connection that does not speak in frames', async () => {
    const { socket, ended } = await client();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    assert.match(await ended, /ECONNRESET|closed/);
    assert.deepEqual(taken, []);
  });
});

describe('a rule', () => {
  it('is asked for each request and each answer, by name and client', async () => {
    const asked: Frame[] = [];
    proxy.rule = (frame) => (asked.push(frame), 'pass');
    const { socket, answers } = await client();
    socket.write(request(endTxn, 5));
    await answers.next();
    assert.deepEqual(asked, [
      { from: 'client', api: 'EndTxn', clientId: 'test', bytesCount: 18 },
      { from: 'broker', api: 'EndTxn', clientId: 'test', bytesCount: 18 },
    ]);
  });

  it('drops a request, and the broker never sees it', async () => {
    proxy.rule = ({ api }) => (api === 'EndTxn' ? 'drop' : 'pass');
    const { socket, answers } = await client();
    socket.write(Buffer.concat([request(endTxn, 1), request(produce, 2)]));
    assert.equal(idOf(await answers.next()), 2);
    assert.equal(taken.length, 1);
  });

  it('drops an answer, and the request has been taken all the same', async () => {
    proxy.rule = ({ from, api }) => (from === 'broker' && api === 'EndTxn' ? 'drop' : 'pass');
    const { socket, answers } = await client();
    socket.write(Buffer.concat([request(endTxn, 1), request(produce, 2)]));
    assert.equal(idOf(await answers.next()), 2);
    assert.equal(taken.length, 2);
  });

  it('cuts: the client is reset and the request is not handed on', async () => {
    proxy.rule = () => 'cut';
    const { socket, ended } = await client();
    socket.write(request(produce, 1));
    assert.equal(await ended, 'ECONNRESET');
    assert.deepEqual(taken, []);
  });

  it('forwards and cuts: the client is reset though the broker takes the request', async () => {
    isSilent = true; // The reset must not wait for the answer.
    proxy.rule = () => 'forward-and-cut';
    const { socket, ended } = await client();
    socket.write(request(endTxn, 1, 'z'.repeat(300_000)));
    assert.equal(await ended, 'ECONNRESET');
    await isTaken(1);
    assert.equal(taken[0]!.length, 300_018);
  });

  it('slices an answer, and delays keep the order', async () => {
    const chunks: number[] = [];
    proxy.rule = ({ from, bytesCount }) => (from === 'client' ? 'pass' : bytesCount > 100 ? { sliceBytes: 7 } : { delayMs: 20 });
    const { socket, answers } = await client();
    socket.on('data', ({ length }) => chunks.push(length));
    socket.write(Buffer.concat([request(produce, 1), request(produce, 2, 'x'.repeat(200)), request(produce, 3)]));
    for (const id of [1, 2, 3]) assert.equal(idOf(await answers.next()), id);
    assert.ok(chunks.length > 5, `${chunks.length} pieces came`);
  });

  it('may wait: what it decides on is held as long', async () => {
    const decided = Promise.withResolvers<'drop'>();
    proxy.rule = ({ api }) => (api === 'EndTxn' ? decided.promise : 'pass');
    const { socket, answers } = await client();
    socket.write(Buffer.concat([request(produce, 1), request(endTxn, 2), request(produce, 3)]));
    assert.equal(idOf(await answers.next()), 1);
    assert.equal(taken.length, 1);
    decided.resolve('drop');
    assert.equal(idOf(await answers.next()), 3);
  });
});

describe('a proxy', () => {
  it('refuses connections while it is told to, and resets those that are open', async () => {
    const first = await client();
    proxy.isRefusing = true;
    proxy.cutAll();
    assert.equal(await first.ended, 'ECONNRESET');
    const second = await client();
    assert.equal(await second.ended, 'ECONNRESET');
    proxy.isRefusing = false;
    const { socket, answers } = await client();
    socket.write(request(produce, 1));
    assert.equal(idOf(await answers.next()), 1);
  });
});
