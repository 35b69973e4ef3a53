import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { Clock } from '@waybill/stream';
import { Agent, type Dispatcher } from 'undici';
import { OciError } from './errors.ts';
import { createGate, type Gate } from './gate.ts';
import { createPacer, pacedStream, type Pacer } from './pacer.ts';
import { apiOrigin } from './api-origin.ts';
import type { Registry } from './settings.ts';
import { watchTransfers, type Transfer } from './transfer.ts';

/** `idleMs`: longest silence within a body. The whole of an operation is bounded by its signal. */
export type ClientTimeouts = { readonly connectMs: number; readonly answerMs: number; readonly idleMs: number };

/** One request as it goes over the wire. */
export type Outgoing = {
  readonly method: Dispatcher.HttpMethod;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | Readable | undefined;
  readonly owner: object;
  readonly signal: AbortSignal;
};
export type Incoming = {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** To be read to its end or destroyed. */
  readonly body: Dispatcher.ResponseData['body'];
  /** What `Location` and `Link` are relative to. */
  readonly url: URL;
};

/** All connections that a client has, under the limits of its registry. */
export type Connection = {
  /** Of the registry's API: what lies elsewhere gets neither credentials nor a client certificate. */
  readonly origin: string;
  /** @throws what undici throws, or the signal's reason */
  readonly send: (outgoing: Outgoing) => Promise<Incoming>;
  /** For what is asked outside of the limits: token realms. */
  readonly dispatcherFor: (origin: string) => Dispatcher;
  readonly pause: Gate['pause'];
  readonly close: () => Promise<void>;
};

const atOnceMaxDefault = 16;

/** @throws OciError `REGISTRY_UNTRUSTED` when a file with a certificate or a key cannot be read */
export function openConnection(registry: Registry, timeouts: ClientTimeouts, clock: Pick<Clock, 'now' | 'after'>): Connection {
  const { origin } = apiOrigin(registry);
  const { own, elsewhere } = openAgents(registry, timeouts);
  const gate = createGate({
    atOnceMax: registry.connectionsMax ?? atOnceMaxDefault,
    perSecondMax: registry.requestsPerSecondMax,
    clock,
  });
  const pacer = registry.bytesPerSecondMax === undefined ? undefined : createPacer(registry.bytesPerSecondMax, clock);
  const dispatcherFor = (target: string): Dispatcher => (target === origin ? own : elsewhere);
  return {
    origin,
    dispatcherFor,
    pause: gate.pause,
    async send(outgoing) {
      const { body, owner, signal } = outgoing;
      const isStream = body !== undefined && !Buffer.isBuffer(body);
      const lane = isStream ? 'upload' : 'request';
      const passing = gate.pass(owner, lane, signal);
      if (passing) await passing;
      let isInside = true;
      const onEnd = (): void => {
        if (isInside) gate.leave(lane);
        isInside = false;
      };
      try {
        return await exchange(dispatcherFor(outgoing.origin), outgoing, { owner, pacer, onEnd });
      } catch (error) {
        onEnd(); // Also of what never came as far as undici's handlers.
        throw error;
      }
    },
    close: async () => {
      await Promise.all([own.destroy(), elsewhere.destroy()]);
    },
  };
}

async function exchange(dispatcher: Dispatcher, outgoing: Outgoing, transfer: Transfer): Promise<Incoming> {
  const { method, origin, path, headers, signal } = outgoing;
  // Undici would close the connection after each HEAD, which most of our requests are: it fears servers that send a body with it.
  const options = { method, origin, path, headers, signal, body: await paced(outgoing, transfer.pacer), transfer, reset: false };
  const { statusCode, headers: answered, body } = await dispatcher.request(options);
  body.on('error', () => {}); // A body that nobody wants any more is destroyed; that is not worth the process.
  return {
    status: statusCode,
    headers: answered,
    body,
    get url() {
      return new URL(path, origin); // Few answers are asked for theirs.
    },
  };
}

async function paced({ body, owner }: Outgoing, pacer: Pacer | undefined): Promise<Buffer | Readable | null> {
  if (!pacer || body === undefined) return body ?? null;
  if (!Buffer.isBuffer(body)) return pacedStream(body, pacer, owner);
  await new Promise<void>((resolve) => pacer.pay(owner, body.byteLength, resolve));
  return body;
}

type Agents = { readonly own: Dispatcher; readonly elsewhere: Dispatcher };

/** Two where the registry has certificates of its own: storage and token realms lie elsewhere, with certificates of public authorities. */
function openAgents(registry: Registry, { connectMs, answerMs, idleMs }: ClientTimeouts): Agents {
  const open = (tls: object): Dispatcher =>
    new Agent({
      connections: null, // The gate bounds them.
      headersTimeout: answerMs,
      bodyTimeout: idleMs,
      connect: { timeout: connectMs, ...tls },
    }).compose(watchTransfers);
  const { caFile, certFile, keyFile } = registry;
  const ca = readPem(registry, 'caFile', caFile);
  if (!ca && certFile === undefined) {
    const agent = open({});
    return { own: agent, elsewhere: agent };
  }
  const certificate = { cert: readPem(registry, 'certFile', certFile), key: readPem(registry, 'keyFile', keyFile) };
  return { own: open({ ca, ...certificate }), elsewhere: open(ca ? { ca: [...rootCertificates, ca] } : {}) };
}

function readPem(registry: Registry, setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    const message = `${setting} of registry ${registry.name} in registries.yaml cannot be read (${reason})`;
    throw new OciError('REGISTRY_UNTRUSTED', message, { host: registry.host, repository: '' });
  }
}
