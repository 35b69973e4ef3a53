import { Type, type Static } from 'typebox';

export const ReplicatorConfig = Type.Object({
  COPY_TIMEOUT_MS: Type.Integer({ minimum: 1_000, maximum: 86_400_000, default: 1_800_000, description: 'For one try of one copy.' }),
  COPY_CONCURRENCY: Type.Integer({ minimum: 1, maximum: 64, default: 8, description: 'Copies at the same time in this process.' }),
  COPY_PER_TARGET: Type.Integer({ minimum: 1, maximum: 64, default: 4, description: 'Of these, to one registry.' }),
  COPY_ATTEMPTS_MAX: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 20,
    description: 'Tries before a copy has failed; 20 outlast about half an hour.',
  }),
  PROBE_INTERVAL_MS: Type.Integer({
    minimum: 1_000,
    maximum: 3_600_000,
    default: 10_000,
    description: 'From the end of one look at whether a registry answers to the next.',
  }),
  PROBE_TIMEOUT_MS: Type.Integer({ minimum: 100, maximum: 60_000, default: 5_000, description: 'For one such look.' }),
  PROBE_FAILURES: Type.Integer({ minimum: 1, maximum: 100, default: 3, description: 'In a row, before a registry is told to be down.' }),
  PROBE_SUCCESSES: Type.Integer({ minimum: 1, maximum: 100, default: 2, description: 'In a row, before it is told to be up again.' }),
  CONFIG_DIR: Type.String({ minLength: 1, default: 'config', description: 'Directory with registries.yaml.' }),
});
export type ReplicatorConfig = Static<typeof ReplicatorConfig>;
