import { happenedAtMs, repositoryKey, topics, type CopyChanged, type DayPulls, type EventOf, type PullState } from '@waybill/domain';
import type { Draft } from './draft.ts';

const hourMs = 60 * 60 * 1_000;
const dayMs = 24 * hourMs;
/** The day of the newest pull, and the 30 before it. */
const daysMax = 31;

/** The first pull in a while is told soon, those after it together. */
const tellDelayMs = 1_000;
const tellIntervalMs = hourMs;

/** Where marks of pulls lie, by the name that the topology uses for them. */
export const pullMarks = 'pulls';

type Place = { readonly registry: string; readonly repository: string };
export const pullKey = (place: Place): string => `pulls/${repositoryKey(place)}`;

/** Each pull once, however often its webhook is sent. What our own accounts pull is no use of the image. */
export function onPulled(draft: Draft, { data, meta }: EventOf<'ImagePulled'>, isCounted: boolean): string {
  if (isCounted) return 'the pull is counted already';
  if (data.byOwnRobot) return 'a pull of our own';
  draft.mark({ marks: pullMarks, id: meta.id });
  const known = pullsAt(draft, data);
  const days = withPull(known.days, Math.floor(happenedAtMs(data) / dayMs) * dayMs);
  if (days === known.days) return 'a pull of long ago';
  putToTell(draft, { ...known, days });
  return 'a pull is counted';
}

function withPull(days: readonly DayPulls[], dayStartMs: number): readonly DayPulls[] {
  const newestMs = Math.max(dayStartMs, days.at(-1)?.dayStartMs ?? 0);
  if (dayStartMs <= newestMs - daysMax * dayMs) return days;
  const pulls = (days.find((day) => day.dayStartMs === dayStartMs)?.pulls ?? 0) + 1;
  const others = days.filter((day) => day.dayStartMs !== dayStartMs && day.dayStartMs > newestMs - daysMax * dayMs);
  return [...others, { dayStartMs, pulls }].toSorted((a, b) => a.dayStartMs - b.dayStartMs);
}

/** Pulls at a place count for the repository that was copied there last. */
export function noteSource(draft: Draft, { change, registry, repository, changedAtMs, ...target }: CopyChanged): void {
  const place = { registry: target.targetRegistry, repository: target.targetRepository };
  if (change !== 'wanted' || repositoryKey(place) === repositoryKey({ registry, repository })) return;
  const known = pullsAt(draft, place);
  if (!isNewerSource(known, { registry, repository }, changedAtMs)) return;
  const next = { ...known, sourceRegistry: registry, sourceRepository: repository, sourceAtMs: changedAtMs };
  const isSame = known.sourceRegistry === registry && known.sourceRepository === repository;
  if (isSame || next.days.length === 0) return put(draft, next);
  // Else they would count for both.
  emitPulls(draft, { ...known, days: [] }, null);
  putToTell(draft, next);
}

const isNewerSource = ({ sourceRegistry, sourceRepository, sourceAtMs }: PullState, source: Place, atMs: number): boolean =>
  sourceAtMs === null ||
  atMs > sourceAtMs ||
  (atMs === sourceAtMs && repositoryKey(source) > repositoryKey({ registry: sourceRegistry!, repository: sourceRepository! }));

/** Tells what is counted of a place to the repository that it counts for. */
export function tellPulls(draft: Draft, state: PullState, region: string | null): void {
  emitPulls(draft, state, region);
  put(draft, { ...state, toldAtMs: draft.atMs, dueAtMs: null });
}

function emitPulls(draft: Draft, state: PullState, region: string | null): void {
  const { registry: placeRegistry, repository: placeRepository, days } = state;
  const source = { registry: state.sourceRegistry ?? placeRegistry, repository: state.sourceRepository ?? placeRepository };
  draft.emit({
    topic: topics.pullCounts,
    key: repositoryKey(source),
    subject: repositoryKey(source),
    event: { type: 'PullsCounted', data: { ...source, placeRegistry, placeRepository, region, days, countedAtMs: draft.atMs } },
  });
}

const pullsAt = (draft: Draft, { registry, repository }: Place): PullState =>
  draft.get(pullKey({ registry, repository }), 'PullState') ?? {
    ...{ registry, repository, sourceRegistry: null, sourceRepository: null, sourceAtMs: null },
    ...{ days: [], toldAtMs: null, dueAtMs: null },
  };

const put = (draft: Draft, data: PullState): void => draft.put(pullKey(data), { type: 'PullState', data });

function putToTell(draft: Draft, state: PullState): void {
  if (state.dueAtMs !== null) return put(draft, state);
  const dueAtMs = Math.max(draft.atMs + tellDelayMs, (state.toldAtMs ?? -Infinity) + tellIntervalMs);
  draft.tellAt(pullKey(state), dueAtMs);
  put(draft, { ...state, dueAtMs });
}
