import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ByteWriter } from './byte-writer.ts';
import { spokenVersions } from './supported-versions.ts';
import { createCluster } from './wire.ts';

const apiVersionsKey = 18;
const servers: Server[] = [];
const sockets = new Set<Socket>();
after(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

/** A broker that knows who it is and what it speaks, and says the latter after `delayMs`. */
async function startBroker({ delayMs, leaderPort }: { readonly delayMs: number; readonly leaderPort?: number }): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', async (bytes: Buffer) => {
      const isVersions = bytes.readInt16BE(4) === apiVersionsKey;
      if (isVersions) await sleep(delayMs);
      const body = isVersions ? versionsBody() : metadataBody(leaderPort ?? (server.address() as AddressInfo).port);
      const head = Buffer.alloc(8);
      head.writeInt32BE(4 + body.length, 0);
      bytes.copy(head, 4, 8, 12); // The correlation id.
      socket.write(Buffer.concat([head, body]));
    });
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** ApiVersions v2: error, ranges, throttle. */
function versionsBody(): Buffer {
  const writer = new ByteWriter(1_000);
  writer.int16(0);
  writer.int32(Object.keys(spokenVersions).length);
  for (const [key, version] of Object.values(spokenVersions)) for (const number of [key, 0, version]) writer.int16(number);
  writer.int32(0);
  return Buffer.from(writer.bytes.subarray(0, writer.at));
}

/** Metadata v6 with one broker and no topic. */
function metadataBody(port: number): Buffer {
  const writer = new ByteWriter(1_000);
  writer.int32(0);
  writer.int32(1);
  writer.int32(1);
  writer.text('127.0.0.1');
  writer.int32(port);
  writer.int16(-1); // No rack.
  writer.int16(-1); // No name of the cluster.
  writer.int32(1);
  writer.int32(0);
  return Buffer.from(writer.bytes.subarray(0, writer.at));
}

describe('a broker that several need while it is being connected to', () => {
  it('is handed out to none of them, and asked for nothing, before it has said what it speaks (our patch of kafkajs)', async () => {
    const leaderPort = await startBroker({ delayMs: 100 });
    const brokers = [`127.0.0.1:${await startBroker({ delayMs: 0, leaderPort })}`];
    const cluster = createCluster({ brokers, clientId: 'test', requestTimeoutMs: 5_000, log: () => undefined });
    await cluster.connect();
    await cluster.refreshMetadata();
    const found: Promise<unknown>[] = [];
    const refreshed: Promise<void>[] = [];
    for (let round = 0; round < 15; round++) {
      refreshed.push(cluster.refreshMetadata());
      found.push(cluster.findBroker({ nodeId: '1' }).then(({ versions }) => versions[0]));
      await sleep(5);
    }
    assert.deepEqual(await Promise.all(found), Array(15).fill({ minVersion: 0, maxVersion: 7 }));
    await Promise.all(refreshed);
    await cluster.disconnect();
  });
});
