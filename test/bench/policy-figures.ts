/** What was decided: null where no policy matches. */
export type PeerDecision = { readonly policy: string; readonly allow: boolean; readonly targets: readonly string[] } | null;

export type Measured = {
  readonly evaluations: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly perSecond: number;
};

/** What a process says of itself, as a line of JSON. */
export type PolicyFigures = Measured & {
  readonly version: string;
  /** From data in memory until the first image could be asked about. */
  readonly prepareMs: number;
  /** On the first images: equal for all, or there is no figure. */
  readonly decisions: readonly PeerDecision[];
};

export const comparedCount = 200;

/**
 * Asks about each image in turn, one at a time, after a tenth of it to warm up.
 * @returns beside the times of all evaluations `bestP99Us`, from the least time of each image: what images cost, without what the machine
 * did meanwhile
 */
export function measure(
  count: number,
  ask: (index: number) => unknown,
  imagesCount = count,
): Measured & { readonly usMax: number; readonly bestP99Us: number } {
  for (let index = 0; index < Math.max(2, count / 10); index++) ask(index);
  const us = new Float64Array(count);
  const best = new Float64Array(Math.min(count, imagesCount)).fill(Infinity);
  const begunAtNs = process.hrtime.bigint();
  for (let index = 0; index < count; index++) {
    const atNs = process.hrtime.bigint();
    ask(index);
    us[index] = Number(process.hrtime.bigint() - atNs) / 1e3;
  }
  const seconds = Number(process.hrtime.bigint() - begunAtNs) / 1e9;
  for (const [index, each] of us.entries()) best[index % imagesCount] = Math.min(best[index % imagesCount]!, each);
  us.sort();
  best.sort();
  return {
    ...{ evaluations: count, perSecond: count / seconds, usMax: us.at(-1)! },
    ...{ p50Us: us[count >> 1]!, p99Us: us[Math.floor(count * 0.99)]!, bestP99Us: best[Math.floor(best.length * 0.99)]! },
  };
}

/** How long it takes until it is done. */
export async function measureMs(work: () => unknown): Promise<number> {
  const atMs = performance.now();
  await work();
  return performance.now() - atMs;
}
