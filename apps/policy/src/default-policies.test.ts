import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { compileSet, evaluate, parsePolicy, type Evidence, type Policy } from '@waybill/policy-engine';
import { parse } from 'yaml';

// Goal: the policies that come with Waybill are valid and say what their comments say.
const paths = globSync(`${import.meta.dirname}/../../../config/policies/*.yaml`).toSorted();
const policies = paths.map((path): Policy => {
  const parsed = parsePolicy(parse(readFileSync(path, 'utf8')));
  if (!parsed.ok) throw new Error(`${path}: ${parsed.faults.join('; ')}`);
  assert.equal(parsed.policy.id, basename(path, '.yaml'), 'a policy is called as its file');
  return parsed.policy;
});

const set = compileSet(policies);
const nowMs = Date.UTC(2026, 0, 10);
const digest = `sha256:${'a'.repeat(64)}`;
const decide = (repository: string, worstSeverity: string, hoursAgo = 0): string => {
  const scan = { digest, outcome: 'scanned', worstSeverity, reason: null, scannedAtMs: nowMs - hoursAgo * 3_600_000 };
  const inspection: Evidence['inspection'] = { status: 'done', kind: 'image', labels: {}, platformDigests: [digest] };
  const image = { registry: 'a.test', repository, tag: 'v1', digest, inspection, scans: [scan] };
  const { outcome, policyId } = evaluate(set, image, nowMs);
  return `${policyId} ${outcome}`;
};

describe('the default policies', () => {
  it('copy what is for production and has no critical finding', () => {
    for (const repository of ['demo/app', 'demo/a/b', 'prod-web', 'prod-web/api']) assert.equal(decide(repository, 'high'), 'prod allow');
  });
  it('refuse a critical finding', () => assert.equal(decide('demo/app', 'critical'), 'prod deny'));
  it('wait for a new scan after a day', () => assert.equal(decide('demo/app', 'none', 25), 'prod held'));
  it('keep development images where they are', () => assert.equal(decide('dev-me/demo', 'none'), 'sandbox deny'));
  it('copy nothing else', () => assert.equal(decide('other', 'none'), 'null deny'));
});
