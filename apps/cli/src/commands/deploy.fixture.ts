import { createVault } from '../policy/vault.ts';

/** How `waybill deploy` is asked in tests that never come as far as a broker. */
export const deployOptions = {
  output: 'table',
  brokers: ['127.0.0.1:1'],
  registryUrl: 'http://127.0.0.1:1',
  partitions: 6,
  replication: 1,
  author: 'test',
  reason: 'a test',
  vault: createVault(undefined),
} as const;
