// A proxy before one broker that knows Kafka's frames, so that a fault can be put at a named request or answer.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Api keys of the requests that faults are put at. Source: Kafka protocol guide, "Api Keys". */
const apiNames: Readonly<Record<number, string>> = {
  0: 'Produce',
  1: 'Fetch',
  2: 'ListOffsets',
  3: 'Metadata',
  9: 'OffsetFetch',
  10: 'FindCoordinator',
  11: 'JoinGroup',
  12: 'Heartbeat',
  13: 'LeaveGroup',
  14: 'SyncGroup',
  18: 'ApiVersions',
  22: 'InitProducerId',
  24: 'AddPartitionsToTxn',
  25: 'AddOffsetsToTxn',
  26: 'EndTxn',
  28: 'TxnOffsetCommit',
};

/** A request, or the answer to one: an answer carries the api and the client of its request. */
export type Frame = {
  readonly from: 'client' | 'broker';
  readonly api: string;
  readonly clientId: string;
  readonly bytesCount: number;
};

/**
 * What becomes of a frame:
 * `drop` swallows it, the connection stays; `cut` resets both sides; `forward-and-cut` hands a request on and resets the client at
 * once, so that its answer is lost; `delayMs` holds it and everything behind it; `sliceBytes` hands it on in pieces, a turn apart.
 */
export type Action = 'pass' | 'drop' | 'cut' | 'forward-and-cut' | { readonly delayMs: number } | { readonly sliceBytes: number };

export type Rule = (frame: Frame) => Action | Promise<Action>;

export type TcpProxy = {
  readonly port: number;
  /** Asked for every frame. */
  rule: Rule;
  /** New connections are reset at once. */
  isRefusing: boolean;
  /** Resets the connections that are open. @returns how many sockets that were */
  cutAll(): number;
  close(): Promise<void>;
};

export const pass: Rule = () => 'pass';

/** No frame of ours is near it; beyond it these are no Kafka frames. */
const frameBytesMax = 64 * 1_048_576;
/** How long a broker's answer that nobody will get is waited for: closing earlier could take the request back. */
const lostAnswerMsMax = 30_000;

/** @param targetPort the broker's listener that is advertised as this proxy's port */
export async function startTcpProxy(options: { readonly port: number; readonly targetPort: number }): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    if (proxy.isRefusing) return void client.resetAndDestroy();
    const broker = connect({ port: options.targetPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, broker]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      socket.on('error', () => undefined); // Both ends are closed below; why does not matter here.
    }
    new Connection(client, broker, (frame) => proxy.rule(frame)).run();
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');

  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    rule: pass,
    isRefusing: false,
    cutAll() {
      const { size } = open;
      for (const socket of open) socket.resetAndDestroy();
      return size;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      proxy.cutAll();
      await closed;
    },
  };
  return proxy;
}

type Asked = { readonly api: string; readonly clientId: string; readonly isLost: boolean };

class Connection {
  readonly #client: Socket;
  readonly #broker: Socket;
  readonly #rule: Rule;
  /** Requests without an answer yet, by correlation id. */
  readonly #asked = new Map<number, Asked>();

  constructor(client: Socket, broker: Socket, rule: Rule) {
    this.#client = client;
    this.#broker = broker;
    this.#rule = rule;
  }

  run(): void {
    void this.#pump(this.#client, (bytes) => this.#takeRequest(bytes)).finally(() => this.#endClient());
    void this.#pump(this.#broker, (bytes) => this.#takeAnswer(bytes)).finally(() => this.#cut());
  }

  async #pump(source: Socket, take: (bytes: Buffer) => Promise<void>): Promise<void> {
    try {
      for await (const bytes of framesOf(source)) await take(bytes);
    } catch {
      // Reset by one side or by a rule: the other one is closed by whoever called.
    }
  }

  /** Requests that were handed on for certain are answered first: the broker must not lose them with the connection. */
  #endClient(): void {
    if (![...this.#asked.values()].some(({ isLost }) => isLost)) return this.#cut();
    setTimeout(() => this.#cut(), lostAnswerMsMax).unref();
  }

  #cut(): void {
    this.#client.resetAndDestroy();
    this.#broker.resetAndDestroy();
  }

  async #takeRequest(bytes: Buffer): Promise<void> {
    const { api, clientId, correlationId } = parseRequest(bytes);
    const action = await this.#rule({ from: 'client', api, clientId, bytesCount: bytes.length });
    const isLost = action === 'forward-and-cut';
    if (action === 'drop') return;
    this.#asked.set(correlationId, { api, clientId, isLost });
    await this.#act(this.#broker, bytes, action);
    if (isLost) this.#client.resetAndDestroy();
  }

  async #takeAnswer(bytes: Buffer): Promise<void> {
    const correlationId = bytes.readInt32BE(4);
    const asked = this.#asked.get(correlationId);
    this.#asked.delete(correlationId);
    if (asked === undefined || asked.isLost) return this.#cut();
    const { api, clientId } = asked;
    const action = await this.#rule({ from: 'broker', api, clientId, bytesCount: bytes.length });
    if (action !== 'drop') await this.#act(this.#client, bytes, action);
  }

  async #act(target: Socket, bytes: Buffer, action: Exclude<Action, 'drop'>): Promise<void> {
    if (action === 'cut') return this.#cut();
    if (typeof action === 'object' && 'delayMs' in action) await sleep(action.delayMs);
    const sliceBytes = typeof action === 'object' && 'sliceBytes' in action ? action.sliceBytes : bytes.length;
    for (let from = 0; from < bytes.length; from += sliceBytes) {
      if (from > 0) await sleep(0);
      if (!target.writable) return;
      if (!target.write(bytes.subarray(from, from + sliceBytes))) await Promise.race([once(target, 'drain'), once(target, 'close')]);
    }
  }
}

/** Each with its length before it. @throws RangeError for what is no frame */
export async function* framesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let wantedBytes = 4;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.length;
    while (heldBytes >= wantedBytes) {
      const all = held.length === 1 ? held[0]! : Buffer.concat(held, heldBytes);
      const frameBytes = 4 + all.readInt32BE(0);
      if (frameBytes < 8 || frameBytes > frameBytesMax) throw new RangeError(`a frame of ${frameBytes} bytes is none of Kafka's`);
      const isWhole = heldBytes >= frameBytes;
      held = [isWhole ? all.subarray(frameBytes) : all];
      heldBytes = held[0]!.length;
      wantedBytes = isWhole ? 4 : frameBytes;
      if (isWhole) yield all.subarray(0, frameBytes);
    }
  }
}

/** Request header v1 and v2: length, api key, version, correlation id, then the client id as a nullable string. */
function parseRequest(bytes: Buffer): { readonly api: string; readonly clientId: string; readonly correlationId: number } {
  const key = bytes.readInt16BE(4);
  const clientIdBytes = Math.max(0, bytes.readInt16BE(12));
  const clientId = bytes.toString('utf8', 14, 14 + clientIdBytes);
  return { api: apiNames[key] ?? `Api${key}`, correlationId: bytes.readInt32BE(8), clientId };
}
