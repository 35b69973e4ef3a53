import type { Evidence, ScanFact } from './evidence.ts';
import { parsePolicy, type Policy } from './policy.ts';
import { parseDocument, type Document } from './rulebook.ts';

export const hour = 60 * 60 * 1000;
export const nowMs = Date.UTC(2026, 0, 10);
export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
export const [index, amd64, arm64] = [digestOf('0'), digestOf('a'), digestOf('b')];

export const document = (name: string, spec: object): object => ({
  apiVersion: 'waybill/v1',
  kind: 'ReplicationPolicy',
  metadata: { name },
  spec: { match: {}, ...('effect' in spec ? {} : { replicate: [{ registry: 'b' }] }), ...spec },
});

export function policy(name: string, spec: object = {}): Policy {
  const parsed = parsePolicy(document(name, spec));
  if (!parsed.ok) throw new Error(parsed.faults.join('\n'));
  return parsed.policy;
}

export function documentOf(kind: string, name: string, spec: object): Document {
  const parsed = parseDocument({ apiVersion: 'waybill/v1', kind, metadata: { name }, spec });
  if (!parsed.ok) throw new Error(parsed.faults.join('\n'));
  return parsed.document;
}

export const exception = (name: string, spec: object = {}): Document =>
  documentOf('Exception', name, { finding: 'CVE-1', owner: 'web', reason: 'not reachable', expiresAt: '2026-02-01T00:00Z', ...spec });

export const scanned = (digest: string, worstSeverity: string, scannedAtMs = nowMs): ScanFact => ({
  digest,
  outcome: 'scanned',
  worstSeverity,
  reason: null,
  scannedAtMs,
});

export const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
  registry: 'a.test',
  repository: 'demo/app',
  tag: 'v1',
  digest: index,
  inspection: { status: 'done', kind: 'index', labels: { team: 'core' }, platformDigests: [amd64, arm64] },
  scans: [scanned(amd64, 'low'), scanned(arm64, 'none')],
  ...changes,
});
