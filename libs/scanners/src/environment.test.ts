import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findAdapter } from './adapters/find.ts';
import { scannerEnv } from './environment.ts';
import { scratchOf } from './testing.fixture.ts';

const env = {
  PATH: '/bin',
  NO_PROXY: 'registry.test',
  UNRELATED_TOKEN: 'u',
  KAFKA_BROKERS: 'k',
  GRYPE_DB_CACHE_DIR: '/db',
  GRYPE_REGISTRY_AUTH_PASSWORD: 'p',
  SYFT_REGISTRY_AUTH_TOKEN: 't',
  TRIVY_CACHE_DIR: '/trivy',
  TRIVY_USERNAME: 'u',
  TRIVY_PASSWORD: 'p',
  TRIVY_REGISTRY_TOKEN: 't',
  TMPDIR: '/elsewhere',
  DOCKER_CONFIG: '/elsewhere',
};
const ours = { LANG: 'C.UTF-8', TMPDIR: '/s', DOCKER_CONFIG: '/s', WAYBILL_SCAN: '/s' };
const envOf = (scanner: string, operator: readonly string[] = []) =>
  scannerEnv(env, { adapter: findAdapter(scanner).envPassed, operator }, scratchOf('/s'));
const always = { PATH: '/bin', NO_PROXY: 'registry.test', ...ours };

describe('the environment of a scanner', () => {
  it('has what the tool knows and nothing else of the app', () => {
    assert.deepEqual(envOf('grype'), { ...always, GRYPE_DB_CACHE_DIR: '/db' });
    assert.deepEqual(envOf('trivy'), { ...always, TRIVY_CACHE_DIR: '/trivy' });
    assert.deepEqual(envOf('osv'), always);
  });

  it('has credentials that would go to every registry only where the operator names them', () => {
    assert.equal(envOf('trivy', ['TRIVY_USERNAME'])['TRIVY_USERNAME'], 'u');
    assert.equal(envOf('osv', ['SYFT_REGISTRY_AUTH_'])['SYFT_REGISTRY_AUTH_TOKEN'], 't');
    assert.equal(envOf('trivy', ['TRIVY_USERNAME'])['TRIVY_PASSWORD'], undefined);
  });

  it('has the scratch directory for all that is written, whatever the app has', () =>
    assert.deepEqual(scannerEnv({ ...env }, { adapter: [], operator: ['TMPDIR', 'DOCKER_CONFIG', 'WAYBILL_'] }, scratchOf('/s')), always));
});
