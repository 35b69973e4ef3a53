import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

// Goal: whoever meets a code finds it in the runbook, and the runbook names none that is gone.
const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Where codes are declared, and how they stand there. */
const tables: readonly (readonly [path: string, pattern: RegExp])[] = [
  ['libs/stream/src/errors.ts', /^ {2}([A-Z_]+): '/gm],
  ['libs/stream/src/job-try.ts', /'(JOB_[A-Z_]+)'/g],
  ['libs/app-kit/src/open-store.ts', /'((?:STATE|SNAPSHOT)_[A-Z_]+)'(?=, partition)/g],
  ['libs/app-kit/src/run-app.ts', /'(JOB_[A-Z_]+)'/g],
  ['apps/replicator/src/topology.ts', /'(COPY_[A-Z_]+)'/g],
  ['libs/oci/src/host/errors.ts', /^ {2}([A-Z_]+): \{ retry/gm],
  ['libs/policy-engine/src/findings/finding.ts', /^ {2}([A-Z_]+): '(?:error|warning)'/gm],
  ['apps/cli/src/policy/findings.ts', /code: '([A-Z_]+)'/g],
  ['libs/policy-engine/src/requirements.ts', /'([A-Z]+_[A-Z_]+)'/g],
  ['libs/policy-engine/src/requirements/answer.ts', /'([A-Z]+_[A-Z_]+)'/g],
  ['libs/policy-engine/src/evaluate.ts', /'([A-Z]+_[A-Z_]+)'/g],
  ['libs/policy-engine/src/targets/destination.ts', /'([A-Z]+_[A-Z_]+)'/g],
  ['libs/policy-engine/src/tenants/quota.ts', /'([A-Z]+_[A-Z_]+)'/g],
  ['libs/scanners/src/errors.ts', /^ {2}([A-Z_]+): (?:true|false)/gm],
  ['libs/webhook-sources/src/parsed.ts', /^ {2}([A-Z_0-9]+): '/gm],
  ['libs/transparency-log/src/faults.ts', /^ {2}([A-Z_]+): '/gm],
  ['libs/config/src/config.ts', /code = '([A-Z_]+)'/g],
  ['apps/api/src/problem.ts', /^ {2}([A-Z_]+): \d/gm],
  ['apps/inspector/src/signatures/refusal.ts', /'(SIGNATURES?_[A-Z_]+)'/g],
  ['apps/gateway/src/auth/confirm.ts', /code = '([A-Z_]+)'/g],
  ['apps/gateway/src/batcher.ts', /'([A-Z]+_[A-Z_]+)'/g],
  ['apps/gateway/src/refusals.ts', /^ {2}([A-Z_]+): \{/gm],
  ['apps/gateway/src/spool/error.ts', /'([A-Z_]+)'/g],
  ['apps/gateway/src/spool/spool.ts', /code: '([A-Z_]+)'/g],
  ['infra/local/errors.ts', /^ {2}\| '([A-Z_]+)'/gm],
];
const declared = tables.map(([path, pattern]) => ({ path, codes: [...read(path).matchAll(pattern)].map(([, code]) => code!) }));
const documented = new Set([...read('docs/runbooks/codes.md').matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)`/g)].map(([, code]) => code!));
/** Variables that the page names beside codes. */
const variables = new Set([
  'HTTP_REQUEST_TIMEOUT_MS',
  'TRANSACTION_TIMEOUT_MS',
  'INSTANCE_ID',
  'POLICY_KEY_FILE',
  'STATE_DIR',
  'SNAPSHOT_DIR',
  'SIGNATURE_KEYS_DIR',
  'SIGNATURE_TRUSTED_ROOT_FILE',
  'SCANNER',
  'SCANNER_TIMEOUT_MS',
  'SPOOL_DIR',
]);

describe('the runbook of codes', () => {
  for (const { path, codes } of declared) {
    it(`has every code of ${path}`, () => {
      assert.ok(codes.length > 0, 'the table is found');
      assert.deepEqual(
        codes.filter((code) => !documented.has(code)),
        [],
      );
    });
  }

  it('has none that is gone', () => {
    const known = new Set(declared.flatMap(({ codes }) => codes));
    assert.deepEqual(
      [...documented].filter((code) => !known.has(code) && !variables.has(code)),
      [],
    );
  });
});
