import { Session, type Profiler } from 'node:inspector/promises';

/** As Chrome's developer tools read it, of the main thread, and the processor time that this thread has had meanwhile. */
export type Profile = Profiler.Profile & { readonly threadCpuMs: number };

/** Samples what this thread does. @returns what ends it */
export async function startProfile(): Promise<() => Promise<Profile>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  const before = process.threadCpuUsage();
  return async () => {
    const { user, system } = process.threadCpuUsage(before);
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return { ...profile, threadCpuMs: (user + system) / 1_000 };
  };
}

export type ProfileLine = { readonly group: string; readonly name: string; readonly place: string; readonly ms: number };

/** Which part of the program a file belongs to. First match wins. */
const groups: readonly (readonly [prefix: string, url: RegExp])[] = [
  ['libs/', /\/libs\/([a-z-]+)\/src\//],
  ['', /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//],
  ['', /\/(apps\/[a-z-]+|test\/bench)\//],
];

/** `libs/kafka`, `kafkajs`; undefined for what is Node's own or native. */
export function groupOf(url: string): string | undefined {
  for (const [prefix, pattern] of groups) {
    const name = pattern.exec(url)?.[1];
    if (name !== undefined) return `${prefix}${name}`;
  }
  return undefined;
}

/**
 * Self time per function, longest first. What Node and native code do counts for the part that called them, and is shown as
 * `inner < outer`. Time in which the thread had nothing to do is left out.
 */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profile): readonly ProfileLine[] {
  const usById = new Map<number, number>();
  // A sample's delta is the time since the sample before, which is the time that the sample before stands for.
  samples.forEach((id, index) => usById.set(id, (usById.get(id) ?? 0) + (timeDeltas[index + 1] ?? 0)));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const lines = new Map<string, ProfileLine>();
  for (const node of nodes) {
    const us = usById.get(node.id);
    const { functionName } = node.callFrame;
    if (us === undefined || us === 0 || functionName === '(idle)') continue;
    let owner: typeof node | undefined = node;
    while (owner && groupOf(owner.callFrame.url) === undefined) owner = parents.get(owner.id);
    const name = owner && owner !== node ? `${nameOf(node)} < ${nameOf(owner)}` : nameOf(node);
    const group = owner ? groupOf(owner.callFrame.url)! : 'engine';
    const { url, lineNumber } = (owner ?? node).callFrame;
    const place = url === '' ? '' : `${url.split('/').at(-1)}:${lineNumber + 1}`;
    const key = `${group} ${place} ${name}`;
    lines.set(key, { group, name, place, ms: (lines.get(key)?.ms ?? 0) + us / 1_000 });
  }
  return [...lines.values()].toSorted((a, b) => b.ms - a.ms);
}

const nameOf = ({ callFrame }: Profile['nodes'][number]): string => callFrame.functionName || '(anonymous)';

/**
 * Sums per group, then the longest functions. Samples tell shares: on a machine that is shared, a thread is sampled while others
 * run. `us` is the share of the processor time that the thread has had, per record.
 */
export function profileTables(profile: Profile, recordsCount: number, longest = 25): readonly (readonly (readonly string[])[])[] {
  const lines = selfTimes(profile);
  const sampledMs = lines.reduce((sum, { ms }) => sum + ms, 0);
  const figures = (ms: number): readonly string[] => {
    const share = ms / sampledMs;
    return [((share * profile.threadCpuMs * 1_000) / recordsCount).toFixed(2), `${(100 * share).toFixed(1)} %`];
  };
  const byGroup = [...Map.groupBy(lines, ({ group }) => group)]
    .map(([group, members]) => ({ group, ms: members.reduce((sum, { ms }) => sum + ms, 0) }))
    .toSorted((a, b) => b.ms - a.ms);
  return [
    [['where', 'us', 'share'], ['all', ...figures(sampledMs)], ...byGroup.map(({ group, ms }) => [group, ...figures(ms)])],
    [
      ['function', 'us', 'share', 'where', 'file'],
      ...lines.slice(0, longest).map(({ group, name, place, ms }) => [name, ...figures(ms), group, place]),
    ],
  ];
}
