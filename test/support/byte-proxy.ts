// A proxy that knows nothing but bytes, so that a connection can be broken after any number of them.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** `up` is towards the server. */
export type Direction = 'up' | 'down';

export type ByteFault = {
  readonly direction: Direction;
  /** Of all that has passed in that direction since the proxy was told of it. */
  readonly atBytes: number;
  /**
   * `reset` both ends of that connection; `stall`: nothing passes on it any more, and it stays open; `black-hole`: nothing passes on any
   * connection any more, of which new ones are taken, until the next `fail`.
   */
  readonly kind: 'reset' | 'stall' | 'black-hole';
};

export type ByteProxy = {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** In place of those before; counts from now on. */
  readonly fail: (faults: readonly ByteFault[]) => void;
  /** Faults that have happened. */
  readonly hitsCount: () => number;
  /** What has passed on each connection that is open. */
  readonly passedBytes: () => readonly Readonly<Record<Direction, number>>[];
  readonly close: () => Promise<void>;
};

/** @param target `<address>:<port>` */
export async function startByteProxy(target: string): Promise<ByteProxy> {
  const [address, port] = target.split(':');
  const open = new Set<Socket>();
  const passedOn = new Map<Socket, Record<Direction, number>>();
  let pending: ByteFault[] = [];
  let passedBytes: Record<Direction, number> = { up: 0, down: 0 };
  let hitsCount = 0;
  let isBlackHole = false;

  const pump = (from: Socket, to: Socket, direction: Direction, passedHere: Record<Direction, number>): void => {
    let isSilent = false;
    from.on('data', (chunk: Buffer) => {
      if (isSilent || isBlackHole) return;
      const fault = pending.find((candidate) => candidate.direction === direction);
      const leftBytes = (fault?.atBytes ?? Infinity) - passedBytes[direction];
      const passed = chunk.subarray(0, Math.max(0, Math.min(chunk.byteLength, leftBytes)));
      passedBytes[direction] += passed.byteLength;
      passedHere[direction] += passed.byteLength;
      if (!to.write(passed)) from.pause();
      if (!fault || chunk.byteLength < leftBytes) return;
      pending = pending.filter((candidate) => candidate !== fault);
      hitsCount += 1;
      isSilent = true;
      isBlackHole = fault.kind === 'black-hole';
      if (fault.kind !== 'reset') return;
      to.end(() => to.resetAndDestroy()); // What has passed arrives.
      from.resetAndDestroy();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('close', () => to.destroy());
  };
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(port), host: address!, noDelay: true, allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      socket.on('error', () => undefined); // Both ends are closed; why does not matter here.
    }
    const passedHere = { up: 0, down: 0 };
    passedOn.set(client, passedHere);
    client.once('close', () => passedOn.delete(client));
    pump(client, upstream, 'up', passedHere);
    pump(upstream, client, 'down', passedHere);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail(faults) {
      pending = faults.toSorted((a, b) => a.atBytes - b.atBytes);
      passedBytes = { up: 0, down: 0 };
      hitsCount = 0;
      isBlackHole = false;
    },
    hitsCount: () => hitsCount,
    passedBytes: () => [...passedOn.values()],
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.resetAndDestroy();
      await closed;
    },
  };
}
