import { type Static, Type } from 'typebox';

export const ApiConfig = Type.Object({
  KAFKA_BROKERS: Type.String({ minLength: 1, description: 'Comma-separated host:port list.' }),
  SCHEMA_REGISTRY_URL: Type.String({ minLength: 1, description: 'Confluent API of the schema registry.' }),
  STATE_DIR: Type.String({ minLength: 1, description: 'Folder of the local read model; may be deleted, the log restores it.' }),
  HTTP_HOST: Type.String({
    minLength: 1,
    default: '127.0.0.1',
    description: 'Address to listen on; the API has no login, so keep it inside.',
  }),
  HTTP_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 28_090 }),
  OPS_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 28_107, description: '/livez, /readyz and /metrics.' }),
  OPS_URLS: Type.String({
    default: '',
    pattern: '^$|^https?://[^,\\s]+(,https?://[^,\\s]+)*$',
    description: 'Comma-separated URLs of the ops servers of all instances that have jobs: whom `waybill status` asks for open circuits.',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
});
export type ApiConfig = Static<typeof ApiConfig>;
