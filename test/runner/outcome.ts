/** Something that is wrong: where to look, and all that is known about it. */
export type Fault = { readonly where: string; readonly what: string };
/** A test that was not run, and why. */
export type Skip = { readonly where: string; readonly why: string };
/** What a step, or a part of it, came to. One fault is one failed test, or one check that did not hold. */
export type Outcome = { readonly passedCount: number; readonly faults: readonly Fault[]; readonly skips: readonly Skip[] };

export const nothing: Outcome = { passedCount: 0, faults: [], skips: [] };

export const sum = (outcomes: readonly Outcome[]): Outcome => ({
  passedCount: outcomes.reduce((count, outcome) => count + outcome.passedCount, 0),
  faults: outcomes.flatMap((outcome) => outcome.faults),
  skips: outcomes.flatMap((outcome) => outcome.skips),
});

/** Where nobody looks at the output, a test that did not run proves nothing: it counts as failed. */
export const withoutSkips = (outcome: Outcome): Outcome => ({
  passedCount: outcome.passedCount,
  faults: [...outcome.faults, ...outcome.skips.map(({ where, why }) => ({ where, what: `skipped, which CI=true does not allow: ${why}` }))],
  skips: [],
});

/** The line that a run ends with. */
export function verdict({ passedCount, faults, skips }: Outcome): string {
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : '';
  return `${passedCount} passed, ${faults.length} failed${skipped}`;
}
