import { repositoryKey } from '@waybill/domain';
import { compilePattern, PatternError, planRetention, type Retained, type StoredImage } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { byteCount, counted, dateTime, grouped } from '../output/text.ts';
import { readCatalog } from '../policy/catalog-rows.ts';
import { rulebookInForce } from '../policy/in-force.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { retentionReport, type RepositoryRetention, type RetentionReport } from '../policy/retention-report.ts';
import { readRunning } from '../policy/running.ts';
import { imageColumns, imageJson, progressOf } from '../policy/stored-image-text.ts';
import { storedImagesOf } from '../policy/stored-images.ts';
import type { Vault } from '../policy/vault.ts';

export type PolicyRetentionOptions = {
  readonly output: OutputFormat;
  /** Names or globs, over the path below the host; none for all. */
  readonly repositories: readonly string[];
  readonly registry: string | undefined;
  /** File that lists what runs; undefined: not known, and so nothing is deleted. */
  readonly running: string | undefined;
  /** Whether what stays is listed as well. */
  readonly kept: boolean;
  /** Images listed, at most. */
  readonly limit: number;
  readonly vault: Vault;
};

/**
 * Says what the retention policies in force would delete now, and why; deletes nothing.
 * @throws CliError 1 where a policy that may keep something cannot be read; 2 for a list of what runs that is none
 */
export async function showRetention(options: PolicyRetentionOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, vault } = options;
  const isAsked = askedOf(options);
  const { surroundings } = rulebookInForce(await readPolicyLog(log, codec), vault, ['retention/', 'tenant/']).replication;
  const running = options.running === undefined ? undefined : await readRunning(options.running);
  const atMs = Date.now();
  const images = storedImagesOf(await readCatalog(log, codec, progressOf(console)), running).filter(isAsked);
  console.progress('');
  const report = retentionReport(images, planRetention(surroundings, images, atMs));
  const policies = [...surroundings.RetentionPolicy.keys()].toSorted();
  if (output === 'json') console.out(JSON.stringify(jsonOf(report, { ...options, atMs, policies }), null, 2));
  else if (policies.length === 0) console.out('No RetentionPolicy is in force: nothing is deleted. docs/policies.md shows one.');
  else printReport(report, { ...options, atMs }, console);
  return exitCodes.done;
}

/** @throws CliError 2 for a pattern that is none */
function askedOf({ registry, repositories }: Pick<PolicyRetentionOptions, 'registry' | 'repositories'>): (image: StoredImage) => boolean {
  try {
    const patterns = repositories.map((text) => compilePattern(text));
    return (image) =>
      (registry ?? image.registry) === image.registry && (patterns.length === 0 || patterns.some(({ test }) => test(image.repository)));
  } catch (cause) {
    if (!(cause instanceof PatternError)) throw cause;
    throw new CliError(exitCodes.usage, cause.message, 'Name a repository below its host, or a glob like shop/**.', { cause });
  }
}

type Shown = Pick<PolicyRetentionOptions, 'kept' | 'limit' | 'running'> & { readonly atMs: number };

function jsonOf({ repositories, deletions, kept, totals }: RetentionReport, shown: Shown & { readonly policies: readonly string[] }) {
  const { atMs, policies, limit, running } = shown;
  const listed = (all: readonly Retained[]) =>
    all.slice(0, limit).map(({ image, verdict, policy, reason }) => ({ ...imageJson(image), verdict, policy, reason }));
  const keptHere = shown.kept ? kept : [];
  return {
    ...{ atMs, policies, isRunningKnown: running !== undefined, totals, repositories, deletions: listed(deletions) },
    ...(shown.kept && { kept: listed(kept) }),
    leftOut: { deletions: Math.max(0, deletions.length - limit), kept: Math.max(0, keptHere.length - limit) },
  };
}

function printReport({ repositories, deletions, kept, totals }: RetentionReport, shown: Shown, console: Console): void {
  const { limit, atMs } = shown;
  const columns = imageColumns<Retained>(
    ({ image }) => image,
    atMs,
    ({ reason, policy }) => (policy === null ? reason : `${policy}: ${reason}`),
  );
  const list = (title: string, all: readonly Retained[]): void => {
    if (all.length === 0) return;
    console.out(`${console.style('bold', title)}\n${table(all.slice(0, limit), columns, console)}`);
    if (all.length > limit) console.out(`and ${grouped(all.length - limit)} more; --limit shows more`);
    console.out('');
  };
  list('would be deleted', deletions);
  if (shown.kept) list('stay', kept);
  const governed = repositories.filter(({ imagesCount, ungovernedCount }) => ungovernedCount < imagesCount);
  if (governed.length > 0) console.out(`${table(governed.slice(0, limit), repositoryColumns, console)}\n`);
  if (governed.length > limit)
    console.out(`and ${counted(governed.length - limit, 'more repository').replace(/ys$/, 'ies')}; --limit shows more`);
  const sizes = totals.unsizedCount > 0 ? `, without ${grouped(totals.unsizedCount)} whose size is not known` : '';
  const what = `${grouped(totals.deletedCount)} of ${counted(totals.imagesCount, 'image')} would be deleted`;
  console.out(`${what}: at most ${byteCount(totals.freedBytesMax)}${sizes}, as of ${dateTime(atMs)} UTC. Nothing was deleted.`);
  if (shown.running === undefined)
    console.err(
      `${console.style('yellow', 'What runs is not known, so nothing is deleted')}: list it in a file and name that with --running.`,
    );
}

const repositoryColumns: readonly Column<RepositoryRetention>[] = [
  { title: 'REPOSITORY', cell: repositoryKey },
  { title: 'IMAGES', cell: ({ imagesCount }) => grouped(imagesCount), align: 'right' },
  { title: 'DELETED', cell: ({ deletedCount }) => grouped(deletedCount), align: 'right' },
  { title: 'FREED', cell: ({ freedBytesMax }) => byteCount(freedBytesMax), align: 'right' },
  { title: 'WHAT STAYS', cell: staysText, flexible: 'wrap' },
];

function staysText({ keptByPolicy, inUseCount, useUnknownCount, neededCount, ungovernedCount }: RepositoryRetention): string {
  const reasons: readonly (readonly [number, string])[] = [
    ...Object.entries(keptByPolicy).map(([policy, count]) => [count, `kept by ${policy}`] as const),
    [inUseCount, 'in use'],
    [useUnknownCount, 'not known to be unused'],
    [neededCount, 'needed by others'],
    [ungovernedCount, 'under no policy'],
  ];
  return reasons.flatMap(([count, why]) => (count === 0 ? [] : [`${grouped(count)} ${why}`])).join(', ') || 'nothing';
}
