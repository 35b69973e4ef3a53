import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type RegistryUsage, type TenantUsage } from '@waybill/domain';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { put } from '../policy/catalog.fixture.ts';
import { startLog } from '../policy/policies.fixture.ts';
import { createVault } from '../policy/vault.ts';
import { showUsage, type PolicyUsageOptions } from './policy-usage.ts';

const documentOf = (kind: string, name: string, spec: string): string =>
  `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: { ${spec} }\n`;
const documents = {
  shop: documentOf('Tenant', 'shop', "repositories: ['shop/**'], quota: { bytesMax: 1000, imagesMax: 10 }"),
  idle: documentOf('Tenant', 'idle', "repositories: ['idle/**']"),
  b: documentOf('Registry', 'b', 'host: b.test, limits: { bytesMax: 2000 }'),
};

async function startCounted() {
  const started = startLog();
  await started.apply(documents);
  const minuteStartMs = Math.floor(Date.now() / 60_000) * 60_000;
  const counted = { imagesUnsized: 0, releasedCount: 0, changedAtMs: 0 };
  const tenant = (name: string, partition: number, bytes: number, images: number): void => {
    const data: TenantUsage = { ...counted, tenant: name, partition, bytes, images, copiesByMinute: [{ minuteStartMs, copies: images }] };
    put(started.memory, topics.usage.name, `tenant/${name}@${partition}`, { type: 'TenantUsage', data });
  };
  const registry = (name: string, partition: number, usedBytes: number, images: number): void => {
    const data: RegistryUsage = { registry: name, partition, usedBytes, images, imagesUnsized: 0, changedAtMs: 0 };
    put(started.memory, topics.usage.name, `registry/${name}@${partition}`, { type: 'RegistryUsage', data });
  };
  tenant('shop', 0, 9_999, 9);
  tenant('shop', 0, 600, 2);
  tenant('shop', 1, 350, 1);
  tenant('gone', 0, 5, 1);
  registry('b', 0, 900, 3);
  return started;
}

async function usage(options: Partial<PolicyUsageOptions> = {}, columns = 120) {
  const said = fakeConsole(columns);
  const { log } = await startCounted();
  const defaults = { output: 'table', tenant: undefined, vault: createVault(undefined) } as const;
  const code = await showUsage({ ...defaults, ...options }, log, jsonCodec, said.console);
  return { code, out: said.out() };
}

describe('waybill policy usage', () => {
  it('adds up what partitions tell, the newest of each, beside what is allowed', async () => {
    const { code, out } = await usage();
    assert.equal(code, 0);
    assert.deepEqual(out.split('\n'), [
      'TENANT            BYTES   IMAGES  COPIES IN AN HOUR  SIZE UNKNOWN  USED',
      'gone                5 B        1                  1             0     -',
      'idle                0 B        0                  0             0     -',
      'shop    950 B of 1000 B  3 of 10                  3             0  95 %',
      '',
      'REGISTRY             BYTES  IMAGES  USED',
      'b         900 B of 2.0 KiB       3  45 %',
    ]);
  });

  it('is about one tenant where one is named, and refuses one that nobody knows', async () => {
    const { out } = await usage({ tenant: 'shop', output: 'json' });
    const { tenants, registries } = JSON.parse(out) as { readonly tenants: readonly object[]; readonly registries?: unknown };
    const amounts = { bytes: { used: 950, max: 1_000 }, images: { used: 3, max: 10 }, copiesLastHour: { used: 3, max: null } };
    assert.deepEqual([tenants, registries], [[{ name: 'shop', ...amounts, imagesUnsized: 0, percent: 95 }], undefined]);
    await assert.rejects(
      usage({ tenant: 'nobody' }),
      (error) => error instanceof CliError && error.exitCode === 1 && /nobody/.test(error.message),
    );
  });

  it('fits a narrow terminal', async () => {
    const { out } = await usage({}, 60);
    assert.ok(
      out.split('\n').every((line) => line.length <= 60),
      out,
    );
    assert.match(out, /^TENANT.* USED$/m);
  });
});
