import { deepEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boundedRow, interleaved, medianOf, spreadOf, toldRow, UsageError, type Row } from './bench.ts';
import { comparedCount, type PolicyFigures } from './policy-figures.ts';
import { makeImages, makePolicies, peerData } from './policy-input.ts';
import type { OurFigures } from './policy-ours-main.ts';
import { runCedar, runOpa, runOurs } from './policy-peers.ts';
import { openResults, shown, versionOf, writeReport, type Report } from './report.ts';

const usage = 'npm run bench -- policy [--quick] [--runs <n>]';
const policiesCount = 10_000;

/** What a decision on an image costs with 10,000 policies, beside OPA and Cedar on the same ones. @throws UsageError */
export async function policyBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { quick: { type: 'boolean' }, runs: { type: 'string' } } });
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(runs) || runs < 1) throw new UsageError(usage);
  const startedAtMs = Date.now();
  const { note, path } = openResults('policy');
  const dataDir = mkdtempSync(join(tmpdir(), 'waybill-bench-policy-'));
  try {
    writeFileSync(join(dataDir, 'data.json'), JSON.stringify(peerData(makePolicies(policiesCount))));
    writeFileSync(join(dataDir, 'images.json'), JSON.stringify(makeImages(policiesCount, policiesCount)));
    const share = values.quick ? 0.05 : 1;
    const sampled = await interleaved({ runs, note: (experiment, variant, sample) => note(experiment, variant, plain(sample)) }, 'policy', {
      ours: () => runOurs('tenants', policiesCount, 50_000 * share),
      oursOf100000: () => runOurs('tenants', 10 * policiesCount, 50_000 * share),
      oursBehindWildcards: () => runOurs('wildcards', policiesCount, 50_000 * share),
      oursBySelector: () => runOurs('selectors', policiesCount, 50_000 * share),
      opaFlat: () => runOpa(dataDir, 'flat', 300 * share),
      opaByTenant: () => runOpa(dataDir, 'tenant', 5_000 * share),
      cedarInOne: () => runCedar(dataDir, 'one', 200 * share),
      cedarByTenant: () => runCedar(dataDir, 'tenant', 5_000 * share),
    });
    const samples = sampled as Samples; // Variants have one type there.
    assertEqualDecisions(samples);
    const rows = rowsOf(samples);
    console.log(`\n${shown(rows)}\n\nlines of JSON: ${path}`);
    if (!values.quick) console.log(`report: ${writeReport(reportOf(startedAtMs, runs, rows, samples))}`);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

type OurName = 'ours' | 'oursOf100000' | 'oursBehindWildcards' | 'oursBySelector';
type Samples = Readonly<Record<OurName, readonly OurFigures[]>> & Readonly<Record<PeerName, readonly PolicyFigures[]>>;
type PeerName = 'opaFlat' | 'opaByTenant' | 'cedarInOne' | 'cedarByTenant';

const peerNames: Readonly<Record<PeerName, string>> = {
  opaFlat: 'OPA, one list',
  opaByTenant: 'OPA, data arranged by tenant',
  cedarInOne: 'Cedar, one policy set',
  cedarByTenant: 'Cedar, a policy set per tenant',
};

const plain = (sample: Readonly<Record<string, unknown>>) => ({ ...sample, decisions: undefined });

/** @throws AssertionError: who decides otherwise has no figure */
function assertEqualDecisions(samples: Samples): void {
  const ours = samples.ours[0]!.decisions;
  for (const name of Object.keys(peerNames) as PeerName[])
    for (const { decisions } of samples[name])
      deepEqual(
        decisions.map((decision) => decision && { ...decision, targets: decision.targets.toSorted() }),
        ours.map((decision) => decision && { ...decision, targets: decision.targets.toSorted() }),
        `${peerNames[name]} decides otherwise`,
      );
}

const timesText = (samples: readonly PolicyFigures[]): string =>
  `p50 ${spreadOf(samples, 'p50Us', 1)} us, p99 ${spreadOf(samples, 'p99Us', 1)} us, ${spreadOf(samples, 'perSecond')} /s`;

/** A p99 with that of the images, each at its best: what is between the two is the machine's. */
const tailText = (samples: readonly OurFigures[], name: keyof OurFigures, best: keyof OurFigures): string =>
  `${spreadOf(samples, name, 1)} us; each image at its best: ${spreadOf(samples, best, 1)} us`;

function rowsOf(samples: Samples): readonly Row[] {
  const { ours, oursOf100000, oursBehindWildcards, oursBySelector } = samples;
  const bounded = (what: string, name: keyof OurFigures, max: number, unit: string, figures = ours): Row =>
    boundedRow(what, medianOf(figures, name), { atMost: max }, unit, spreadOf(figures, name, 2));
  const decisions = (what: string, figures: readonly OurFigures[], p50Us: number, p99Us: number): readonly Row[] => [
    boundedRow(`${what}, p50`, medianOf(figures, 'p50Us'), { atMost: p50Us }, 'us', timesText(figures)),
    boundedRow(`${what}, p99`, medianOf(figures, 'p99Us'), { atMost: p99Us }, 'us', tailText(figures, 'p99Us', 'bestP99Us')),
    bounded(`${what}, of which only the names are known, p99`, 'heldP99Us', p99Us, 'us', figures),
  ];
  const told = (what: string, name: keyof OurFigures, best: keyof OurFigures): Row =>
    boundedRow(what, medianOf(ours, name), { atMost: 2_000 }, 'us', tailText(ours, name, best));
  const ms = (name: keyof OurFigures, figures = ours): string => `${spreadOf(figures, name)} ms`;
  return [
    ...decisions('image', ours, 20, 100),
    ...decisions('image, policies behind wildcards', oursBehindWildcards, 20, 100),
    ...decisions('image, targets by selector of 100 registries', oursBySelector, 20, 100),
    ...decisions('image, 100,000 policies', oursOf100000, 40, 200),
    ...ratesOf(samples),
    bounded('1,000 decisions at once, until the last', 'burstMs', 50, 'ms'),
    told('explanation of 50 policies, p99', 'explainP99Us', 'explainBestP99Us'),
    told('trace for the event, p99', 'traceP99Us', 'traceBestP99Us'),
    toldRow('digest of the inputs, p50', `${medianOf(ours, 'digestP50Us').toFixed(1)} us`),
    bounded('policies and compiled set in memory', 'setMib', 150, 'MiB'),
    toldRow('the same of 100,000', `${medianOf(oursOf100000, 'setMib').toFixed(0)} MiB`),
    boundedRow('one policy changed, p99', medianOf(ours, 'changeP99Us') / 1e3, { atMost: 5 }, 'ms', changesText(ours)),
    toldRow('the same of 100,000', `${(medianOf(oursOf100000, 'changeP99Us') / 1e3).toFixed(2)} ms`, changesText(oursOf100000)),
    toldRow('version of what has been changed, once it is asked for', ms('versionMs')),
    toldRow('compiling all 10,000, and 100,000', `${ms('prepareMs')}, ${ms('prepareMs', oursOf100000)}`),
    ...(Object.keys(peerNames) as PeerName[]).map((name) =>
      toldRow(
        peerNames[name],
        `${medianOf(samples[name], 'p50Us').toFixed(1)} us`,
        `${timesText(samples[name])}, prepared in ${spreadOf(samples[name], 'prepareMs')} ms`,
      ),
    ),
  ];
}

function ratesOf({ ours, opaFlat, opaByTenant, cedarByTenant }: Samples): readonly Row[] {
  const rate = medianOf(ours, 'perSecond');
  const bestPeer = Math.max(medianOf(opaByTenant, 'perSecond'), medianOf(cedarByTenant, 'perSecond'));
  return [
    boundedRow('decisions per second, beside the best arrangement of a peer', rate / bestPeer, { atLeast: 10 }, 'x', ''),
    boundedRow('decisions per second, beside OPA with one list', rate / medianOf(opaFlat, 'perSecond'), { atLeast: 200 }, 'x', ''),
  ];
}

const changesText = (samples: readonly OurFigures[]): string =>
  `p50 ${spreadOf(samples, 'changeP50Us')} us, longest of 1,000 ${spreadOf(samples, 'changeUsMax')} us`;

const reportOf = (startedAtMs: number, runs: number, rows: readonly Row[], samples: Samples): Report => ({
  ...{ suite: 'policy', startedAtMs, rows },
  versions: [versionOf('go', 'version'), `OPA ${samples.opaFlat[0]!.version}`, `cedar-wasm ${samples.cedarInOne[0]!.version}`],
  conditions: [
    '10,000 policies of 100 tenants over repository, tag, labels, severity and age of the scan; 10,000 images. Each engine decides one',
    'image at a time in a process of its own and says which policy decides, whether it lets go, and the targets; on the first',
    `${comparedCount} images all say the same. Medians of ${runs} runs (least to most), variants in turn. The peers are given the policies`,
    'in deciding order, and where it says so arranged by tenant; ours are given as they are. "Behind wildcards" is another set, of one',
    'tenant, which differs in what follows a wildcard in the repository or the tag. "By selector" is the first set, with targets chosen',
    'of 100 registries by region, jurisdiction, role, price and distance, and for half of the tenants kept to one or two jurisdictions.',
  ],
  chapters: [],
});
