// A gateway in a process of its own, before a log that takes half a second for each send. Prints its port.
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@waybill/app-kit';
import { StreamError, type Codec, type NewRecord } from '@waybill/stream';
import { Registry } from 'prom-client';
import { createAuth } from './auth/auth.ts';
import { sources } from './gateway.fixture.ts';
import { createGateway } from './server.ts';

const sendMs = 500;
const nowMs = (): number => Date.now();
const registry = new Registry();
const logger = createLogger({ app: 'gateway', level: 'silent' });

const refuse = (): never => {
  throw new StreamError('RECORD_UNDECODABLE', 'nothing is read here');
};
/** As large as what it encodes, like Avro, and unlike JSON of bytes. */
const codec: Codec = {
  encode: ({ data }) => ('body' in data ? Buffer.from(data.body) : Buffer.from(JSON.stringify(data))),
  decode: async () => refuse(),
  decodeSync: refuse,
};
const append = async (_records: readonly NewRecord[]): Promise<void> => sleep(sendMs);

const { app } = await createGateway({
  config: {
    ...{ HTTP_BODY_BYTES_MAX: 1_048_576, HTTP_REQUEST_TIMEOUT_MS: 60_000, APPEND_TIMEOUT_MS: 5_000 },
    ...{ IN_FLIGHT_REQUESTS_MAX: 1_000, IN_FLIGHT_BYTES_MAX: 16_777_216 },
  },
  sources,
  auth: createAuth({ registry, logger, nowMs, roots: [] }),
  log: { append, encoding: () => ({ codec, partitionOf: () => 0 }) },
  registry,
  logger,
  nowMs,
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${(app.server.address() as AddressInfo).port}\n`);
