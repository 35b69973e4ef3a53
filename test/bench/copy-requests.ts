import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageSet } from './copy-images.ts';
import { startRegistry, type BenchRegistry, type RegistryRequestLine } from './copy-registry.ts';
import { withTarget, type Variant } from './copy-run.ts';

/** How often each kind of request was made, by `GET manifest`, `POST upload` and the like. */
export type RequestCounts = ReadonlyMap<string, number>;
export type CountedCopy = {
  readonly source: RequestCounts;
  readonly target: RequestCounts;
  readonly againSource: RequestCounts;
  readonly againTarget: RequestCounts;
};

const kinds: readonly (readonly [kind: string, path: RegExp])[] = [
  ['ping', /^\/v2\/$/],
  ['upload', /\/blobs\/uploads\//],
  ['blob', /\/blobs\/sha(256|512):/],
  ['manifest', /\/manifests\/sha(256|512):/],
  ['tag', /\/manifests\//],
  ['tags', /\/tags\/list/],
  ['referrers', /\/referrers\//],
];

/** `PUT tag`; with `mount` where a POST asks for a blob of another repository; its failures apart. */
export function kindOf({ method, path, status }: RegistryRequestLine): string {
  const kind = kinds.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other';
  const named = method === 'POST' && path.includes('mount=') ? 'mount' : kind;
  return `${method} ${named}${status >= 400 ? ` ${status}` : ''}`;
}

const countOf = (lines: readonly RegistryRequestLine[]): RequestCounts =>
  new Map([...Map.groupBy(lines, kindOf)].map(([kind, of]) => [kind, of.length] as const).toSorted(([a], [b]) => a.localeCompare(b)));

export const totalOf = (counts: RequestCounts): number => counts.values().reduce((sum, count) => sum + count, 0);

/** Copies twice between registries that write down each request. Takes longer than a copy that is timed, which is another one. */
export async function countRequests(sourceDir: string, set: ImageSet, variant: Variant): Promise<CountedCopy> {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-copy-'));
  const source = await startRegistry({ dir, name: 'counted', storageDir: sourceDir, isCounted: true });
  try {
    return await withTarget(
      async (target, targetDir) => {
        const route = { source: source.host, target: target.host };
        const one = async (): Promise<readonly [RequestCounts, RequestCounts]> => {
          const since = ({ requests }: BenchRegistry) => requests().length;
          const [sourceFrom, targetFrom] = [since(source), since(target)];
          await variant.copy(route, set, targetDir);
          return [countOf(source.requests().slice(sourceFrom)), countOf(target.requests().slice(targetFrom))];
        };
        const first = await one();
        const second = await one();
        return { source: first[0], target: first[1], againSource: second[0], againTarget: second[1] };
      },
      { isCounted: true },
    );
  } finally {
    await source.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A line per tool and side: all requests of a first copy, of a second one, and what they were. */
export function requestTable(
  counted: readonly { readonly title: string; readonly name: string; readonly counts: CountedCopy }[],
): readonly (readonly string[])[] {
  const kindsText = (counts: RequestCounts): string => [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  return [
    ['images', 'tool', 'side', 'first', 'again', 'what the first ones were', 'what the second ones were'],
    ...counted.flatMap(({ title, name, counts }) => [
      [title, name, 'source', totalOf(counts.source), totalOf(counts.againSource), kindsText(counts.source), kindsText(counts.againSource)],
      ['', '', 'target', totalOf(counts.target), totalOf(counts.againTarget), kindsText(counts.target), kindsText(counts.againTarget)],
    ]),
  ].map((row) => row.map(String));
}
