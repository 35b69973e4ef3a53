import { Type, type Static } from 'typebox';

/** The gateway's environment. A field's name is its variable. */
export const GatewayConfig = Type.Object({
  HTTP_HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'Address for webhooks; 0.0.0.0 opens it to the network.' }),
  HTTP_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 28_080, description: 'Port for webhooks; 0 takes a free one.' }),
  HTTP_TLS_CERT_FILE: Type.String({
    default: '',
    description: 'Certificate chain (PEM), for https. Empty: http, to be put behind something that does TLS.',
  }),
  HTTP_TLS_KEY_FILE: Type.String({ default: '', description: 'Its private key (PEM).' }),
  HTTP_TLS_CLIENT_CA_FILE: Type.String({ default: '', description: 'CAs (PEM) whose client certificates the scheme mtls takes.' }),
  HTTP_BODY_BYTES_MAX: Type.Integer({
    minimum: 1_024,
    maximum: 1_048_576,
    default: 1_048_576,
    description: 'Larger webhooks get 413. More than 1 MiB would not be parsed.',
  }),
  HTTP_REQUEST_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    default: 10_000,
    description: 'A request that has not come in whole by then is cut.',
  }),
  IN_FLIGHT_REQUESTS_MAX: Type.Integer({ minimum: 1, default: 1_000, description: 'Further requests get 503 until others are answered.' }),
  IN_FLIGHT_BYTES_MAX: Type.Integer({
    minimum: 1_048_576,
    default: 33_554_432,
    description: 'Bound of the memory for bodies being read; records that wait for Kafka are bounded by the same again.',
  }),
  APPEND_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    default: 5_000,
    description: 'Without an acknowledgement by then a delivery goes to the spool; without a spool the sender gets 503.',
  }),
  SPOOL_DIR: Type.String({
    default: '',
    description: 'Folder, on a disk that outlives the process, for deliveries while Kafka is away; one gateway each. Empty: 503 instead.',
  }),
  SPOOL_BYTES_MAX: Type.Integer({
    minimum: 16_777_216,
    maximum: 1_099_511_627_776,
    default: 1_073_741_824,
    description: 'Bound of the spool; beyond it senders get 503.',
  }),
  KAFKA_BROKERS: Type.String({ minLength: 1, default: '127.0.0.1:29092', description: 'Comma-separated host:port list.' }),
  SCHEMA_REGISTRY_URL: Type.String({
    minLength: 1,
    default: 'http://127.0.0.1:28081/apis/ccompat/v7',
    description: 'Confluent-compatible API of the schema registry.',
  }),
  CONFIG_DIR: Type.String({ minLength: 1, default: 'config', description: 'Folder of sources.yaml.' }),
  SECRETS_DIR: Type.String({ minLength: 1, default: '.waybill/local/secrets', description: 'Folder of secret files, for sources.yaml.' }),
  SOURCES_CHECK_MS: Type.Integer({
    minimum: 100,
    maximum: 3_600_000,
    default: 2_000,
    description: 'How often sources.yaml, secret and TLS files are looked at for changes; SIGHUP looks at once.',
  }),
  OPS_HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'Address for /livez, /readyz and /metrics.' }),
  OPS_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 28_100, description: 'Port for /livez, /readyz and /metrics.' }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'Least important lines that are written.',
  }),
});
export type GatewayConfig = Static<typeof GatewayConfig>;
