/** Numerical values of the base metrics. Source: CVSS v3.1 specification, section 7.4. */
const values = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  UI: { N: 0.85, R: 0.62 },
  C: { H: 0.56, L: 0.22, N: 0 },
  I: { H: 0.56, L: 0.22, N: 0 },
  A: { H: 0.56, L: 0.22, N: 0 },
} as const satisfies Record<string, Record<string, number>>;
/** By scope: privileges count for less where the attack reaches beyond the component. */
const privileges: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  U: { N: 0.85, L: 0.62, H: 0.27 },
  C: { N: 0.85, L: 0.68, H: 0.5 },
};

/**
 * Base score, 0 to 10, of a vector such as `CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H`; NaN for what is no complete vector of
 * version 3.0 or 3.1. Source: CVSS v3.1 specification, section 7.1 and, for the rounding, appendix A.
 */
export function baseScoreOf(vector: string): number {
  if (!/^CVSS:3\.[01]\//.test(vector)) return Number.NaN;
  const metrics = new Map(vector.split('/').map((metric) => metric.split(':') as [string, string]));
  const valueOf = (name: keyof typeof values): number =>
    (values[name] as Readonly<Record<string, number>>)[metrics.get(name) ?? ''] ?? Number.NaN;
  const isScopeChanged = metrics.get('S') === 'C';
  const subScore = 1 - (1 - valueOf('C')) * (1 - valueOf('I')) * (1 - valueOf('A'));
  const impact = isScopeChanged ? 7.52 * (subScore - 0.029) - 3.25 * (subScore - 0.02) ** 15 : 6.42 * subScore;
  const privilege = privileges[metrics.get('S') ?? '']?.[metrics.get('PR') ?? ''] ?? Number.NaN;
  const exploitability = 8.22 * valueOf('AV') * valueOf('AC') * privilege * valueOf('UI');
  if (Number.isNaN(impact + exploitability)) return Number.NaN;
  return impact <= 0 ? 0 : roundUp(Math.min((isScopeChanged ? 1.08 : 1) * (impact + exploitability), 10));
}

/** To one decimal place, upwards, without the noise of floating point. */
function roundUp(score: number): number {
  const hundredThousandths = Math.round(score * 100_000);
  return hundredThousandths % 10_000 === 0 ? hundredThousandths / 100_000 : (Math.floor(hundredThousandths / 10_000) + 1) / 10;
}
