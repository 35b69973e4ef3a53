import { listTags, parseReference, type Reference, type RegistryClient } from '@waybill/oci';
import { CliError, exitCodes } from '../exit.ts';
import { readInput } from '../input.ts';

/** One image, where from and where to. */
export type CopyPair = { readonly from: Reference; readonly to: Reference };

/** How pairs are said on the command line. */
export type AskedPairs =
  { readonly kind: 'one' | 'all-tags'; readonly from: string; readonly to: string } | { readonly kind: 'file'; readonly path: string };
type Hosts = (host: string) => RegistryClient;

const pairsMax = 100_000;

/** @throws OciError, CliError 2 as of each kind */
export async function readPairs(asked: AskedPairs, forHost: Hosts, signal: AbortSignal): Promise<readonly CopyPair[]> {
  if (asked.kind === 'file') return parsePairs((await readInput(asked.path)).toString('utf8'), asked.path);
  return asked.kind === 'one' ? [parsePair(asked.from, asked.to)] : pairsOfAllTags(asked.from, asked.to, forHost, signal);
}

/** @throws OciError `REFERENCE_INVALID`; CliError 2 where the target says a digest that the copy cannot have */
function parsePair(from: string, to: string): CopyPair {
  const pair = { from: parseReference(from), to: parseReference(to) };
  if (pair.to.digest === undefined || pair.to.digest === pair.from.digest) return pair;
  const next = 'Name a tag there, as in registry.example/team/app:1.0; a copy has the digest of what it is a copy of.';
  throw new CliError(exitCodes.usage, `the target ${JSON.stringify(to)} names a digest that its source does not`, next);
}

/**
 * Pairs of a file: source and target of each line with space between; `#` begins a comment.
 * @throws CliError 2 with the number of a line that is not so
 */
export function parsePairs(text: string, name: string): readonly CopyPair[] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, '').trim());
  if (lines.length > pairsMax) throw new CliError(exitCodes.usage, `${name} has more than ${pairsMax} lines`, 'Split it.');
  const pairs = lines.flatMap((line, at) => {
    if (line === '') return [];
    const [from, to, ...more] = line.split(/\s+/);
    const wrong = (why: string, cause?: unknown): CliError =>
      new CliError(exitCodes.usage, `${name}:${at + 1} ${why}`, 'Each line is a source and a target: a.example/app:1.0 b.example/app:1.0', {
        cause,
      });
    if (from === undefined || to === undefined || more.length > 0) throw wrong('is no pair of images');
    try {
      return [parsePair(from, to)];
    } catch (error) {
      throw wrong(error instanceof Error ? error.message : String(error), error);
    }
  });
  if (pairs.length === 0) throw new CliError(exitCodes.usage, `${name} names no image`, 'Each line is a source and a target.');
  return pairs;
}

/** Tags that belong to another image, and come along with it: the fallback of the referrers API, and cosign's. */
const digestTag = /^sha(256|512)-[0-9a-f]{64,128}(\.\w+)?$/;

/**
 * All tags of a repository, each to its own name in another.
 * @throws CliError 2 where a tag or a digest is said with a repository; OciError
 */
async function pairsOfAllTags(from: string, to: string, forHost: Hosts, signal: AbortSignal): Promise<readonly CopyPair[]> {
  for (const text of [from, to])
    if (/@|:[^/]*$/.test(text) && text.includes('/'))
      throw new CliError(
        exitCodes.usage,
        `${JSON.stringify(text)} names more than a repository`,
        'With --all-tags leave out tag and digest.',
      );
  const [source, target] = [parseReference(from), parseReference(to)];
  const tags = await listTags(forHost(source.host), { repository: source.repository }, signal);
  return tags
    .filter((tag) => !digestTag.test(tag))
    .map((tag) => ({ from: { ...source, tag, reference: tag }, to: { ...target, tag, reference: tag } }));
}
