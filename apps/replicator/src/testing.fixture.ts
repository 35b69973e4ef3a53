import { topics, type ImageDecided, type ReplicaState } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import { topologyDriver } from '@waybill/stream/testing';
import type { CopyPayload, CopyResult } from './copy.ts';
import { replicator } from './topology.ts';

export const nowMs = Date.UTC(2026, 0, 1);
export const sha = (letter: string) => `sha256:${letter.repeat(64)}`;
export const key = 'b.test/team/app:v1';
export const result: CopyResult = {
  ...{ manifestsCopied: 3, blobsCopied: 4, blobsSkipped: 0, referrersCopied: 0, bytesCopied: 99, verified: true },
  ...{ startedAtMs: nowMs, finishedAtMs: nowMs + 7, copiedDigest: sha('1'), imageBytes: 1_099 },
};
export const failure = { code: 'REGISTRY_UNAVAILABLE', reason: 'it is in trouble itself', attempts: 12 };

export const start = () => {
  const hostOf = (name: string): string => ({ a: 'a.test', b: 'b.test', c: 'c.test' })[name] ?? name;
  const copy = () => Promise.reject(new Error('the driver runs no jobs'));
  const driver = topologyDriver(replicator(copy, hostOf, { timeoutMs: 1, concurrencyMax: 1, perTargetMax: 1, attemptsMax: 1 }));
  const decide = (id: string, data: Partial<ImageDecided> = {}) => {
    const decided: ImageDecided = {
      ...{
        registry: 'a.test',
        repository: 'team/app',
        tag: 'v1',
        digest: sha('1'),
        outcome: 'allow',
        policyId: 'p',
        policySetVersion: 's',
      },
      ...{ reason: 'because', trace: [], targets: [targetAt('b', 'team/app', 'v1')], scans: [] },
      ...{ code: '', occasion: 'push', retroactive: false, exceptionIds: [], takenBack: [], admission: null },
      ...{ inspectionEventId: null, sboms: null, signatures: null, inputsSha256: '' },
      ...{ registries: [], usage: null, pullsByRegion: null, cannotWait: false, tenant: null, sizeBytes: null },
      ...{ evaluatedAtMs: nowMs, pushEventId: 'push', ...data },
    };
    driver.pipe(topics.decisions, 'a.test/team/app', { type: 'ImageDecided', data: decided }, { id, correlationId: `push-of-${id}` });
  };
  const row = (at = key) => driver.row('replicas', at) as ReplicaState | undefined;
  const payload = () => JSON.parse(driver.jobs()[0]!.payload) as CopyPayload;
  return { driver, decide, row, payload, events: () => driver.emitted(topics.replications) };
};
