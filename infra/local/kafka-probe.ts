import { connect } from 'node:net';

/** Metadata v1 for no topics: a broker that lists itself is unfenced, so that topics can be made on it. */
const request = Buffer.from([
  ...[0, 0, 0, 21], // size of what follows
  ...[0, 3], // api key: Metadata
  ...[0, 1], // version
  ...[0, 0, 0, 7], // correlation id
  ...[0, 7, ...Buffer.from('waybill')], // client id
  ...[0, 0, 0, 0], // no topics
]);

/** Brokers counted in a Metadata v1 answer: size, correlation id, then the array's length. Source: Kafka protocol guide. */
export function parseBrokersCount(answer: Buffer): number {
  return answer.length < 12 || answer.readInt32BE(4) !== 7 ? 0 : answer.readInt32BE(8);
}

/** Whether a Kafka broker on the loopback port serves requests and is in service. */
export async function isBrokerReady(port: number, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: timeoutMs });
    let answer: Buffer = Buffer.alloc(0);
    const settle = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 12) settle(parseBrokersCount(answer) > 0);
    });
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('close', () => settle(false));
  });
}
