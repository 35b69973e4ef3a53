import { createLogger } from '@waybill/app-kit';
import type { NewRecord } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import { settingsOf } from '@waybill/webhook-sources';
import { Registry } from 'prom-client';
import { createAuth, type AuthNeeds } from './auth/auth.ts';
import type { Tls } from './auth/tls.ts';
import type { Append } from './batcher.ts';
import type { Overflow } from './store.ts';
import type { Encoding } from './topology.ts';
import { createGateway, type GatewayNeeds } from './server.ts';
import type { Source, Sources } from './sources.ts';

export const secrets = {
  distribution: 'distribution-secret-1',
  distributionNext: 'distribution-secret-2',
  harbor: 'Basic harbor-secret-1',
  dockerhub: 'dockerhub-secret-1',
  signed: 'signed-secret-000001',
};

const source = (name: string, kind: Source['kind'], auth: Source['auth'], ...values: readonly string[]): [string, Source] => [
  name,
  {
    name,
    kind,
    settings: settingsOf(name),
    auth,
    secrets: values.map((value, at) => ({ id: `secret-${at}`, value, notAfterMs: null })),
    rate: null,
  },
];
export const sources = new Map([
  source('distribution', 'distribution', { scheme: 'bearer' }, secrets.distribution, secrets.distributionNext),
  source('harbor', 'harbor', { scheme: 'header', header: 'authorization' }, secrets.harbor),
  source('dockerhub', 'dockerhub', { scheme: 'url-path' }, secrets.dockerhub),
  source('signed', 'harbor', { scheme: 'hmac-sha256', header: 'x-body-proof', prefix: 'sha256=', over: 'body' }, secrets.signed),
]);

export type Log = { readonly append: Append; readonly sends: (readonly NewRecord[])[]; readonly records: () => readonly NewRecord[] };

/** An in-memory log; `before` runs before each send and may fail or hang it. */
export function memoryLog(before: () => Promise<void> = async () => undefined): Log {
  const sends: (readonly NewRecord[])[] = [];
  return {
    sends,
    records: () => sends.flat(),
    append: async (records) => {
      await before();
      sends.push(records);
    },
  };
}

export const encoding: Encoding = { codec: jsonCodec, partitionOf: (key) => key.length % 6 };

type More = {
  readonly overflow?: Overflow;
  readonly encoding?: () => Encoding | undefined;
  readonly sources?: Sources;
  readonly trust?: Pick<AuthNeeds, 'fetch' | 'roots'>;
  readonly tls?: Tls;
};
const nowMs = (): number => 1_700_000_000_000;

export async function startGateway(append: Append, config: Partial<GatewayNeeds['config']> = {}, more: More = {}) {
  let logged = '';
  const registry = new Registry();
  const logger = createLogger({ app: 'gateway', level: 'trace', destination: { write: (line: string) => void (logged += line) } });
  const { app, batcher, ready } = await createGateway({
    config: {
      HTTP_BODY_BYTES_MAX: 1_048_576,
      HTTP_REQUEST_TIMEOUT_MS: 2_000,
      IN_FLIGHT_REQUESTS_MAX: 1_000,
      IN_FLIGHT_BYTES_MAX: 67_108_864,
      APPEND_TIMEOUT_MS: 200,
      ...config,
    },
    sources: more.sources ?? sources,
    auth: createAuth({ registry, logger, nowMs, roots: [], ...more.trust }),
    tls: more.tls,
    log: { append, encoding: more.encoding ?? (() => encoding) },
    overflow: more.overflow,
    registry,
    logger,
    nowMs,
  });
  const post = (endpoint: string, body: unknown, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: `/v1/webhooks/${endpoint}`,
      headers: { 'content-type': 'application/json', ...headers },
      payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    });
  return { app, batcher, ready, post, registry, logged: () => logged };
}

export const bearer = { authorization: `Bearer ${secrets.distribution}` };
export const digest = `sha256:${'a'.repeat(64)}`;
export const push = (id: string, tag = '1.0', repository = 'team/app') => ({
  id,
  timestamp: '2024-08-06T12:00:00Z',
  action: 'push',
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest,
    size: 7,
    repository,
    url: `http://registry.example:5000/v2/${repository}/manifests/${digest}`,
    tag,
  },
  actor: { name: 'ci' },
});
