// `npm run fuzz:policy`: a million pairs of policies and images, decided by the index and by the specification, with a report in the
// end. `--pairs <number>` for another count, `--seed <number>` to come to a finding again. The exit code is 1 where there is one.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileRulebook, evaluate } from '@waybill/policy-engine';
import {
  anyDemandingPolicy,
  anyDocuments,
  anyEvidence,
  anyExceptions,
  anyPolicies,
  referenceEvaluate,
} from '@waybill/policy-engine/testing';
import { execa } from 'execa';
import fc from 'fast-check';
import { repositoryRoot } from '../../infra/local/paths.ts';

const policiesMax = 20;
const imagesPerSet = 100;
const nowMs = Date.UTC(2026, 0, 10);
const reportPath = join(repositoryRoot, 'docs/reports/fuzz-policy.md');

const { values } = parseArgs({ options: { pairs: { type: 'string' }, seed: { type: 'string' } } });
const pairs = Number(values.pairs ?? 1_000_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!(pairs > 0) || !Number.isSafeInteger(seed)) throw new Error('--pairs and --seed want numbers');

const startedAtMs = performance.now();
const cpu = process.cpuUsage();
const counts = new Map<string, number>();
const images = fc.array(anyEvidence(nowMs), { minLength: imagesPerSet, maxLength: imagesPerSet });
const exceptions = anyExceptions(nowMs);
const surroundings = fc.oneof(
  fc.constant([]),
  anyDocuments,
  exceptions,
  fc.tuple(anyDocuments, exceptions).map((both) => both.flat()),
);
const anySet = fc.oneof(
  { weight: 3, arbitrary: anyPolicies(policiesMax) },
  { weight: 1, arbitrary: anyDemandingPolicy.map((policy) => [policy]) },
);
const agree = fc.property(anySet, surroundings, images, (policies, documents, each) => {
  const { replication } = compileRulebook([...policies, ...documents]);
  for (const image of each) {
    const { outcome, code, policyId, awaiting, targets } = evaluate(replication, image, nowMs);
    const expected = referenceEvaluate(policies, image, nowMs, replication.surroundings);
    assert.deepEqual({ outcome, code, policyId, awaiting, targets }, expected);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
});
fc.assert(agree, { seed, numRuns: Math.ceil(pairs / imagesPerSet), endOnFailure: true });

const { user, system } = process.cpuUsage(cpu);
const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
const seconds = { clock: (performance.now() - startedAtMs) / 1_000, cpu: (user + system) / 1e6 };
const figures = `${total} pairs in ${seconds.clock.toFixed(0)} s, ${seconds.cpu.toFixed(0)} s of CPU`;
console.log(`${figures}, seed ${seed}: no difference`);
if (values.pairs === undefined) await writeReport();

async function writeReport(): Promise<void> {
  const commit = (await execa('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: repositoryRoot })).stdout;
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, fast-check ${fc.__version}`;
  const rows = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([code, count]) => `| \`${code}\` | ${count} |`);
  const lines = [
    ...['# Policies: the index against the specification', ''],
    `\`npm run fuzz:policy\`, last on ${new Date().toISOString().slice(0, 10)}: ${machine}, commit ${commit}.`,
    '',
    `${figures}, on one core which others used too; up to ${policiesMax} policies, ${imagesPerSet} images to a set.`,
    `Seed ${seed}: \`npm run fuzz:policy -- --seed ${seed}\`. **Differences: none.**`,
    '',
    'Random policies (patterns of all three kinds, exclusions, labels, kinds, tenants, requirements, denials; in a fifth of the sets all',
    'at one place of the index; in a quarter of the sets one that matches all and asks for a lot), in most of the sets with registries,',
    'residencies, tenants and exceptions around them, and random images (facts missing, inspections failed, scans old, bad and absent)',
    'are decided by `evaluate` over the compiled set and by `referenceEvaluate` (`libs/policy-engine/src/reference.ts`), which asks',
    'every policy in order. Outcome, code, deciding policy, what is awaited and the targets have to be equal.',
    ...['', '| decided | times |', '| --- | --- |', ...rows, ''],
  ];
  writeFileSync(reportPath, lines.join('\n'));
  console.log(`see ${reportPath}`);
}
