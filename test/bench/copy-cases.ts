import { boundedRow, medianOf, spreadOf, toldRow, type Row, type Sample } from './bench.ts';
import type { ImageSet } from './copy-images.ts';
import type { OursProcess } from './copy-ours.ts';
import { inBulk, singly, withReferrers } from './copy-peers.ts';
import { oursVariant, peerVariant, waybillVariant, type CopyFigures, type Variant } from './copy-run.ts';

/** As the goals are named: one large image, many small ones, an index with its referrers; and each of them again. */
export const parts = ['a', 'b', 'c', 'd'] as const;
export type Part = (typeof parts)[number];

/** Images that are copied by several tools in turn. */
export type CopyCase = {
  readonly name: string;
  readonly part: Exclude<Part, 'd'>;
  readonly set: 'large' | 'small' | 'indexed';
  readonly title: string;
  /** Our time at most, as a share of the fastest peer's. */
  readonly atMost?: number;
  /** The peers that the goal is about, where it is not about all of them. */
  readonly against?: string;
  /** Fewer runs where one takes long. */
  readonly runsMax: number;
  /** Whether a run for nothing would take the peers long. */
  readonly isLong?: boolean;
  readonly variants: (ours: OursProcess) => readonly Variant[];
};

const runsMaxOfAll = 100;

export const cases: readonly CopyCase[] = [
  {
    ...{ name: 'large', part: 'a', set: 'large', title: 'large image', atMost: 1, runsMax: runsMaxOfAll },
    variants: (ours) => [oursVariant(ours, false), waybillVariant, ...singly.map(peerVariant)],
  },
  {
    ...{ name: 'one by one', part: 'b', set: 'small', title: 'small images, one by one', runsMax: 3, isLong: true },
    variants: (ours) => [oursVariant(ours, false), ...singly.map(peerVariant)],
  },
  {
    ...{ name: 'in bulk', part: 'b', set: 'small', title: 'small images, in bulk', atMost: 0.85, runsMax: runsMaxOfAll, isLong: true },
    variants: (ours) => [oursVariant(ours, true), waybillVariant, ...inBulk.map(peerVariant)],
  },
  {
    ...{
      name: 'indexed',
      part: 'c',
      set: 'indexed',
      title: 'index with its referrers',
      atMost: 1,
      against: 'crane',
      runsMax: runsMaxOfAll,
    },
    variants: (ours) => [oursVariant(ours, false, 'ours, with referrers'), waybillVariant, ...[...singly, withReferrers].map(peerVariant)],
  },
];

export type Samples = Readonly<Record<string, readonly (CopyFigures & Sample)[]>>;

type Timing = { readonly seconds: keyof CopyFigures; readonly cpuS: keyof CopyFigures; readonly registriesCpuS: keyof CopyFigures };
const first: Timing = { seconds: 'seconds', cpuS: 'cpuS', registriesCpuS: 'registriesCpuS' };
const again: Timing = { seconds: 'againSeconds', cpuS: 'againCpuS', registriesCpuS: 'againRegistriesCpuS' };
const againAtMost = 0.5;

export const isOurs = (name: string): boolean => name.startsWith('ours');

/** The goals' rows, then one for each tool. */
export function rowsOf(each: CopyCase, samples: Samples, only: readonly Part[]): readonly Row[] {
  const names = Object.keys(samples);
  const goalRow = (what: string, timing: Timing, atMost: number | undefined, against?: string): readonly Row[] => {
    const seconds = (name: string): number => medianOf(samples[name]!, timing.seconds);
    const peers = names.filter((name) => (against === undefined ? !isOurs(name) : name === against));
    const fastest = peers.toSorted((a, b) => seconds(a) - seconds(b))[0];
    const our = names.find(isOurs);
    if (fastest === undefined || our === undefined) return [];
    const ratio = seconds(our) / seconds(fastest);
    const figures = [our, fastest].map((name) => `${name}: ${spreadOf(samples[name]!, timing.seconds, 2)} s`).join('; ');
    const row = `${what}, to the time of ${fastest}${against === undefined ? ', the fastest' : ''}`;
    return [atMost === undefined ? toldRow(row, `${ratio.toFixed(2)} x`, figures) : boundedRow(row, ratio, { atMost }, 'x', figures)];
  };
  const toldRows = (what: string, timing: Timing): readonly Row[] =>
    names.map((name) => {
      const of = samples[name]!;
      const memory = timing === first ? `; peak ${spreadOf(of, 'rssPeakMib')} MiB` : '';
      const cpu = `CPU ${spreadOf(of, timing.cpuS, 2)} s, registries ${spreadOf(of, timing.registriesCpuS, 2)} s${memory}`;
      return toldRow(`${what}: ${name}`, `${spreadOf(of, timing.seconds, 2)} s`, cpu);
    });
  const title = `(${each.part}) ${each.title}`;
  const process = samples[waybillVariant.name];
  const memory =
    each.name !== 'large' || process === undefined
      ? []
      : [boundedRow(`${title}: peak of waybill image copy`, medianOf(process, 'rssPeakMib'), { atMost: 150 }, 'MiB', 'resident memory', 0)];
  return [
    ...(only.includes(each.part) ? [...goalRow(title, first, each.atMost, each.against), ...toldRows(title, first), ...memory] : []),
    ...(only.includes('d')
      ? [...goalRow(`(d) ${each.title}, again`, again, againAtMost), ...toldRows(`(d) ${each.title}, again`, again)]
      : []),
  ];
}

/** What one case is measured with: in quick mode crane alone, which is built already where tests run. */
export const variantsOf = (each: CopyCase, ours: OursProcess, isQuick: boolean): readonly Variant[] =>
  each.variants(ours).filter(({ name }) => !isQuick || isOurs(name) || name.startsWith('crane'));

export type ImageSets = Readonly<Record<CopyCase['set'], ImageSet>>;
