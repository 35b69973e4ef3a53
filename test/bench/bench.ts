import type { Cluster } from './cluster.ts';
import type { Input } from './input.ts';

/** One line of the result. */
export type Row = {
  readonly what: string;
  /** Empty where a figure is only told. */
  readonly goal: string;
  readonly measured: string;
  readonly isReached?: boolean;
  /** The figures behind it, with their units and their spread. */
  readonly figures: string;
};

/** A command line that names what there is not. */
export class UsageError extends Error {}

export type Sample = Readonly<Record<string, unknown>>;

/** What an experiment works with. */
export type Bench = {
  readonly cluster: Cluster;
  readonly runs: number;
  readonly recordsCount: number;
  readonly isQuick: boolean;
  /** The common input, made once. */
  input(): Promise<Input>;
  /** Keeps the figures of one run as a line of JSON, and shows how far the bench is. */
  note(experiment: string, variant: string, sample: Sample): void;
};

export type Experiment = {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<readonly Row[]>;
};

/**
 * Runs each variant `runs` times, in turn: what the machine does meanwhile meets all of them alike.
 * @returns the samples of each variant
 */
export async function interleaved<V extends string, S extends Sample>(
  bench: Pick<Bench, 'runs' | 'note'>,
  experiment: string,
  variants: Readonly<Record<V, (round: number) => Promise<S>>>,
): Promise<Readonly<Record<V, readonly S[]>>> {
  const samples = {} as Record<V, S[]>;
  for (let round = 0; round < bench.runs; round++) {
    for (const variant of Object.keys(variants) as V[]) {
      const sample = await variants[variant](round);
      (samples[variant] ??= []).push(sample);
      bench.note(experiment, variant, sample);
    }
  }
  return samples;
}

/** Of an even count the lower of the two in the middle: always a figure that was measured. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

export const medianOf = <S, N extends keyof S>(samples: readonly S[], name: N): number =>
  median(samples.map((sample) => Number(sample[name])));

/** `63,990 (62,638 to 66,416)`: the median, and the least and the most. */
export function spread(values: readonly number[], digits = 0): string {
  const text = (value: number): string => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (values.length === 1) return text(values[0]!);
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

export const spreadOf = <S, N extends keyof S>(samples: readonly S[], name: N, digits?: number): string =>
  spread(
    samples.map((sample) => Number(sample[name])),
    digits,
  );

export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** A row for a figure with a bound. */
export function boundedRow(what: string, value: number, goal: Goal, unit: string, figures: string, digits = 2): Row {
  const isReached = 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
  const bound = 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
  return { what, goal: `${bound} ${unit}`.trim(), measured: `${value.toFixed(digits)} ${unit}`.trim(), isReached, figures };
}

export const toldRow = (what: string, measured: string, figures = ''): Row => ({ what, goal: '', measured, figures });
