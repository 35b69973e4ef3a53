import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRegistryClient } from '@waybill/oci';
import { renderTable } from '../../infra/local/table.ts';
import { goTools } from '../../infra/local/tools.ts';
import { interleaved, UsageError, type Row } from './bench.ts';
import { cases, isOurs, parts, rowsOf, variantsOf, type CopyCase, type ImageSets, type Part } from './copy-cases.ts';
import { pushIndexed, pushLarge, pushSmall, quickSizes, wholeSizes } from './copy-images.ts';
import { startOurs, type OursProcess } from './copy-ours.ts';
import { measureStarts } from './copy-start.ts';
import { startRegistry, type BenchRegistry } from './copy-registry.ts';
import { countRequests, requestTable, type CountedCopy } from './copy-requests.ts';
import { measureCopy, oursVariant, settle, withTarget, type Variant } from './copy-run.ts';
import { profileTables } from './profile.ts';
import { openResults, shown, verbatim, versionOf, writeReport, type Report } from './report.ts';

const usage = `npm run bench -- copy [--quick] [--only a|b|c|d]... [--runs <n>] [--profile]
a: one large image; b: many small ones, one by one and in bulk; c: an index with its referrers; d: everything again`;

type Options = { readonly only: readonly Part[]; readonly runs: number; readonly isQuick: boolean; readonly isProfile: boolean };

/** @throws UsageError */
function parseCommandLine(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ only: { type: 'string', multiple: true }, runs: { type: 'string' } },
      ...{ quick: { type: 'boolean' }, profile: { type: 'boolean' } },
    },
  });
  const { only = parts, quick: isQuick = false, profile: isProfile = false } = values;
  const runs = Number(values.runs ?? (isQuick ? 1 : 5));
  const isPart = (name: string): name is Part => parts.some((part) => part === name);
  if (!only.every(isPart) || !Number.isInteger(runs) || runs < 1) throw new UsageError(usage);
  return { only, runs, isQuick, isProfile };
}

const seed = 1;

async function pushSets(source: BenchRegistry, isQuick: boolean): Promise<ImageSets> {
  const client = createRegistryClient({ name: 'source', host: source.host, plainHttp: true });
  const sizes = isQuick ? quickSizes : wholeSizes;
  try {
    return {
      large: await pushLarge(client, sizes, seed),
      small: await pushSmall(client, sizes, seed),
      indexed: await pushIndexed(client, sizes, seed),
    };
  } finally {
    await client.close();
  }
}

type CopyBench = Options & {
  readonly source: BenchRegistry;
  readonly sets: ImageSets;
  readonly ours: OursProcess;
  readonly note: ReturnType<typeof openResults>['note'];
};

async function runCase(bench: CopyBench, each: CopyCase): Promise<readonly Row[]> {
  const { source, sets, ours, isQuick, only } = bench;
  const set = sets[each.set];
  const variants = variantsOf(each, ours, isQuick);
  // Once for nothing: our code is compiled, the programs of the peers lie in the page cache from the first case on.
  const warmed = variants.filter(({ name }) => !isQuick && (isOurs(name) || !each.isLong));
  for (const variant of warmed) await measureCopy(source, set, variant);
  const measure = async (variant: Variant) => {
    if (!isQuick) await settle();
    return measureCopy(source, set, variant);
  };
  const measured = Object.fromEntries(variants.map((variant) => [variant.name, () => measure(variant)]));
  const runs = Math.min(bench.runs, each.runsMax);
  return rowsOf(each, await interleaved({ ...bench, runs }, each.name, measured), only);
}

/** Sampled, in a process and a run of their own. */
async function profile({ source, sets }: CopyBench, each: CopyCase): Promise<string> {
  const ours = startOurs();
  try {
    const { images } = sets[each.set];
    const variant = oursVariant(ours, each.name === 'in bulk');
    await measureCopy(source, sets[each.set], variant);
    return await withTarget(async (target) => {
      const route = { source: source.host, target: target.host };
      const told = await ours.copy({ route, images, isBulk: each.name === 'in bulk', isProfiled: true });
      return profileTables(told.profile!, images.length, 30).map(renderTable).join('\n\n');
    });
  } finally {
    await ours.stop();
  }
}

/** @throws UsageError */
export async function copyBench(args: readonly string[]): Promise<void> {
  const options = parseCommandLine(args);
  const startedAtMs = Date.now();
  const results = openResults('copy');
  const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-copy-'));
  const source = await startRegistry({ dir, name: 'source' });
  const ours = startOurs();
  const stop = async (): Promise<void> => {
    await Promise.all([ours.stop(), source.stop()]);
    rmSync(dir, { recursive: true, force: true });
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void stop().finally(() => process.exit(1)));
  try {
    console.log('pushing the images');
    const bench: CopyBench = { ...options, source, ours, sets: await pushSets(source, options.isQuick), note: results.note };
    const wanted = cases.filter(({ part }) => options.only.includes('d') || options.only.includes(part));
    if (options.isProfile) {
      for (const each of wanted) console.log(`\n${each.title}\n\n${await profile(bench, each)}`);
      return;
    }
    const rows: Row[] = [];
    for (const each of wanted) rows.push(...(await runCase(bench, each)));
    rows.push(...(await measureStarts(dir, options.runs, (variant, sample) => results.note('start', variant, sample))));
    const counted: (readonly [CopyCase, string, CountedCopy])[] = [];
    for (const each of wanted) {
      for (const variant of variantsOf(each, ours, options.isQuick).filter(({ name }) => isOurs(name) || each.name !== 'one by one'))
        counted.push([each, variant.name, await countRequests(source.storageDir, bench.sets[each.set], variant)]);
    }
    const requests = requestTable(counted.map(([each, name, counts]) => ({ title: each.title, name, counts })));
    console.log(`\n${shown(rows)}\n\n${renderTable(requests)}\n\nlines of JSON: ${results.path}`);
    if (options.isQuick || options.only.length < parts.length) return;
    const profiles: string[] = [];
    for (const each of wanted) profiles.push(`${each.title}\n\n${await profile(bench, each)}`);
    console.log(`report: ${writeReport(reportOf(options, startedAtMs, rows, renderTable(requests), profiles.join('\n\n')))}`);
  } finally {
    await stop();
  }
}

function reportOf({ runs }: Options, startedAtMs: number, rows: readonly Row[], requests: string, profiles: string): Report {
  return {
    ...{ suite: 'copy', startedAtMs, rows },
    versions: [versionOf('go', 'version'), 'skopeo 1.23.0', ...[goTools.registry, goTools.crane, goTools.regctl].map(pinned)],
    conditions: [
      'CNCF Distribution on both sides, over loopback, a fresh target on disk for each copy; both registries and the tool share the cores.',
      'Ours is measured in a process that runs already, peers by the time of theirs. What each had to bring was looked for in the files',
      `of the target after each copy. Medians of ${runs} runs (of 3 where images are copied one by one), least to most, tools in turn.`,
    ],
    chapters: [
      { title: 'Requests', lines: ['Counted by the registries in runs of their own.', '', ...verbatim(requests)] },
      { title: 'Where the time goes', lines: ['Ours, sampled in runs of their own.', '', ...verbatim(profiles)] },
    ],
  };
}

const pinned = (path: string): string => `${path.split('/').at(-1)!.replace('@', ' ')}`;
