import { Type, type Static } from 'typebox';

/** What every stream app reads from its environment, beside its own schema. */
export const StreamConfig = Type.Object({
  KAFKA_BROKERS: Type.String({ minLength: 1, default: '127.0.0.1:29092', description: 'Comma-separated host:port list.' }),
  SCHEMA_REGISTRY_URL: Type.String({
    minLength: 1,
    default: 'http://127.0.0.1:28081/apis/ccompat/v7',
    description: 'Confluent-compatible API of the schema registry.',
  }),
  STATE_DIR: Type.String({ minLength: 1, description: 'Folder for local state. It may be lost: the log restores it.' }),
  SNAPSHOT_DIR: Type.String({
    default: '',
    description:
      'Folder for snapshots of local state, best on a disk that all instances share; a lost STATE_DIR then begins as the newest.',
  }),
  SNAPSHOT_INTERVAL_MS: Type.Integer({
    minimum: 60_000,
    maximum: 6 * 60 * 60 * 1_000,
    default: 15 * 60 * 1_000,
    description: 'Between two snapshots of a partition, if there is a SNAPSHOT_DIR. The two newest are kept.',
  }),
  INSTANCE_ID: Type.String({
    minLength: 1,
    maxLength: 100,
    default: '0',
    pattern: '^[A-Za-z0-9._-]+$',
    description: 'Stable and unique per instance of an app (the pod name of a StatefulSet): a restart takes its partitions over at once.',
  }),
  PROJECTION_VERSION: Type.Integer({
    minimum: 1,
    maximum: 999,
    default: 1,
    description: 'Version of the app that this process is: above 1 it has rows of its own, and is silent until `waybill projection swap`.',
  }),
  GROUP_SESSION_TIMEOUT_MS: Type.Integer({
    minimum: 2_000,
    maximum: 300_000,
    default: 15_000,
    description: 'An instance that is silent for so long loses its partitions to the others.',
  }),
  TRANSACTION_TIMEOUT_MS: Type.Integer({
    minimum: 1_000,
    maximum: 900_000,
    default: 30_000,
    description: 'After it the broker aborts an open transaction.',
  }),
  JOBS_MAX: Type.Integer({
    minimum: 1,
    maximum: 4_096,
    default: 64,
    description: 'Jobs running at the same time in this process, of all kinds together; each kind has a limit of its own below it.',
  }),
  OPS_HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'Address for /livez, /readyz, /metrics and /circuits.' }),
  OPS_PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 0,
    description: 'Port for /livez, /readyz, /metrics and /circuits; 0 takes a free one.',
  }),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level as 'info')),
    { default: 'info', description: 'fatal, error, warn, info, debug (with a line per event), trace or silent.' },
  ),
});
export type StreamConfig = Static<typeof StreamConfig>;
