import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestKey, tagKey, topics, type DecisionState } from '@waybill/domain';
import { emptyEvidence } from '@waybill/policy-engine';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError, exitCodes } from '../exit.ts';
import { copy, digestOf, push, put } from '../policy/catalog.fixture.ts';
import { folderOf, startLog } from '../policy/policies.fixture.ts';
import { createVault } from '../policy/vault.ts';
import { createProgram } from '../program.ts';
import { showCleanup } from './policy-cleanup.ts';
import { showMoves } from './policy-moves.ts';
import { showRetention } from './policy-retention.ts';

// Goal: what docs/policies.md shows of proposals is what they say.
const page = readFileSync(join(import.meta.dirname, '../../../../docs/policies.md'), 'utf8');
const shown = new Map(
  [...page.matchAll(/^```\n((?:\$ .*\n)*\$ waybill policy (retention|cleanup|moves)(.*)\n)([\s\S]*?)^```$/gm)].map(
    ([, , name, args, output]) => [name!, { args: args!.trim(), output: output!.trimEnd() }],
  ),
);

const registry = (name: string, region: string, storedPerGbMonth: number): string =>
  `{ apiVersion: waybill/v1, kind: Registry, metadata: { name: ${name} }, spec: { host: ${name}.test, region: ${region}, ` +
  `cost: { storedPerGbMonth: ${storedPerGbMonth}, movedPerGb: 1 } } }`;
const documents = {
  ...{ a: registry('a', 'fra', 1), b: registry('b', 'fra', 9), c: registry('c', 'dub', 2), u: registry('u', 'iad', 1) },
  default: `{ apiVersion: waybill/v1, kind: RetentionPolicy, metadata: { name: default },
    spec: { match: {}, keepNewest: 2, deleteUntaggedAfterDays: 7, keepTags: ['release-*'] } }`,
  shop: `{ apiVersion: waybill/v1, kind: Tenant, metadata: { name: shop },
    spec: { repositories: ['shop/**'], quota: { bytesMax: 2048 } } }`,
  p: `{ apiVersion: waybill/v1, kind: ReplicationPolicy, metadata: { name: p },
    spec: { match: {}, replicate: [{ select: { regions: [fra, dub] }, copies: 2 }] } }`,
};

/** Three images of shop/app with copies, and one without a tag. */
async function start() {
  const started = startLog();
  const { memory } = started;
  await started.apply(documents);
  for (const [letter, daysAgo] of Object.entries({ a: 40, b: 30, c: 20, d: 10 })) {
    push(memory, letter, daysAgo, { repository: 'shop/app' });
    copy(memory, letter, { repository: 'shop/app' });
  }
  push(memory, 'e', 9, { repository: 'shop/app', isTagged: false });
  const place = { registry: 'a.test', repository: 'shop/app' };
  const row = { ...place, tag: 'va', digest: digestOf('a'), status: 'allowed' } as unknown as DecisionState;
  put(memory, topics.decisionState.name, tagKey(place, 'va'), { type: 'DecisionState', data: row });
  const facts = { inspected: true, kind: 'image', platformDigests: [digestOf('a')], sizeBytes: 1e9 };
  put(memory, topics.policyEvidence.name, digestKey(place, digestOf('a')), {
    type: 'ImageEvidence',
    data: { ...emptyEvidence(place, digestOf('a')), ...facts },
  });
  const usage = { bytes: 4_096, images: 4, imagesUnsized: 0, copiesByMinute: [], releasedCount: 0, changedAtMs: 0 };
  put(memory, topics.usage.name, 'tenant/shop@0', { type: 'TenantUsage', data: { tenant: 'shop', partition: 0, ...usage } });
  return started;
}

async function say(name: string): Promise<string> {
  const { log } = await start();
  const said = fakeConsole(100);
  const common = { output: 'table', limit: 100, vault: createVault(undefined) } as const;
  const running = join(folderOf({ running: 'a.test/shop/app:vb' }), 'running.yaml');
  const shows: Readonly<Record<string, () => Promise<number>>> = {
    retention: () =>
      showRetention({ ...common, running, repositories: ['shop/*'], registry: 'a.test', kept: false }, log, jsonCodec, said.console),
    cleanup: () => showCleanup({ ...common, running, tenant: 'shop' }, log, jsonCodec, said.console),
    moves: () => showMoves({ ...common, above: 5, paybackMonths: 6, images: 100 }, log, jsonCodec, said.console),
  };
  assert.equal(await shows[name]!(), exitCodes.done);
  return said.out();
}

const timeless = (text: string): string => text.replace(/as of \S+ \S+ UTC/, 'as of TIME UTC');

describe('docs/policies.md', () => {
  for (const name of ['retention', 'cleanup', 'moves']) {
    it(`shows what policy ${name} says`, async () => assert.equal(timeless(shown.get(name)?.output ?? ''), timeless(await say(name))));

    it(`shows how policy ${name} is called`, async () => {
      const said = fakeConsole();
      const program = createProgram({ console: said.console, env: {}, onExit: () => assert.fail('there is no log') });
      const args = (shown.get(name)?.args ?? '').replaceAll("'", '').split(' ').filter(Boolean);
      const nowhere = ['--brokers', '127.0.0.1:1'];
      await assert.rejects(program.parseAsync(['policy', name, ...args, ...nowhere], { from: 'user' }), (error) => {
        assert.ok(error instanceof CliError, said.err());
        return error.exitCode === exitCodes.unreachable;
      });
    });
  }
});
