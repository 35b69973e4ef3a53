import type { DecisionState, PolicySweep } from '@waybill/domain';
import { mayConcern, versionOf, type Document } from '@waybill/policy-engine';
import type { Context, Input } from '@waybill/stream';
import { differs, judge } from './judge.ts';
import type { Draft } from './draft.ts';
import { changedBeside, changedInForce, haveSameDocuments, versionBeside, versionInForce, type InForce } from './in-force.ts';
import { clearDenial, deniedTagKey, denialsStart, isDenialKey } from './quota-denials.ts';
import { reviewRequest, type Review } from './reviews.ts';
import { comparedEvent } from './shadow/difference-events.ts';

/**
 * When other documents come into force, or registries fail or come back, the tags of a partition are gone through in the background, a
 * part per timer, and those that would now be decided otherwise are asked to be; when tenants have less, those that a quota denies. Where
 * it stands is a row: a kill -9 costs nothing.
 *
 * Nothing is decided by a version that the row does not name. So between the versions it names lie all changes that a tag here may have
 * missed, and a tag that none of them concerns needs no look. A version that comes meanwhile moves the end to where the sweep stands
 * now, the way round: it need not begin anew, and ends however fast documents change.
 *
 * A step that asks for tags is followed by the next once the last of them has been decided anew. So no more of them are ever under way
 * than one step asks for, and what is pushed meanwhile waits for no more than these.
 */
export type Sweep = {
  /** Of its row. */
  readonly key: string;
  /** Of its timers. */
  readonly kind: SweepKind;
  /** Of what tags are compared with; empty where there is nothing. */
  readonly version: string;
  readonly changedOver: (versions: readonly string[]) => readonly Document[] | undefined;
  /** Stands for what was in force before the first version that is noted. */
  readonly versionBefore: string;
  /** Why a tag is asked for that would be decided otherwise. */
  readonly occasionOver: (versions: readonly string[]) => Review;
};
export const sweepKinds = ['sweep', 'shadow', 'quota'] as const;
export type SweepKind = (typeof sweepKinds)[number];
const rowKeys = { sweep: '@sweep', shadow: '@shadow', quota: '@quota' } as const satisfies Record<SweepKind, string>;

/** Stands for whatever was in force before; no set has it. */
const anyVersion = '';

/** A candidate has a sweep of its own: nothing that concerns what is in force waits for it, or begins anew because of it. */
function sweepOf({ set, context }: Pick<Sweeping, 'set' | 'context'>, kind: SweepKind): Sweep {
  if (kind === 'sweep')
    return {
      ...{ key: rowKeys[kind], kind, version: versionInForce(set), versionBefore: anyVersion },
      changedOver: (versions) => changedInForce(set, versions),
      occasionOver: (versions) => (haveSameDocuments(versions) ? 'registries' : 'policies'),
    };
  if (kind === 'quota') {
    const version = hasDenials(context) ? `${set.known.releasedCount}` : '';
    return { key: rowKeys[kind], kind, version, versionBefore: anyVersion, changedOver: () => undefined, occasionOver: () => 'usage' };
  }
  return {
    ...{ key: rowKeys[kind], kind, version: versionBeside(set), versionBefore: 'none' },
    changedOver: (versions) => changedBeside(set, versions),
    occasionOver: () => 'policies',
  };
}

const hasDenials = (context: Context): boolean => context.keys('evidence', { after: denialsStart, limit: 1 }).some(isDenialKey);

/** Of the rows to be gone through: those of all tags, or of those that a quota denies. */
function keysOf(
  context: Context,
  kind: SweepKind,
  { after, limit }: { readonly after: string; readonly limit: number },
): readonly string[] {
  if (kind === 'quota') return context.keys('evidence', { after: after === '' ? denialsStart : after, limit }).filter(isDenialKey);
  return context.keys('decisions', { limit, ...(after !== '' && { after }) });
}

/** Of one step: so many keys are passed by, or so many tags decided, in a few ms. And versions that are remembered to lie between. */
export type SweepBounds = { readonly keysMax: number; readonly decidedMax: number; readonly versionsMax: number };
export const sweepBounds: SweepBounds = { keysMax: 1_000, decidedMax: 50, versionsMax: 8 };

export type Sweeping = { readonly context: Context; readonly draft: Draft; readonly set: InForce; readonly bounds: SweepBounds };

/** Must be called before anything is decided by a set. */
export function noteVersions(sweeping: Sweeping, input: Extract<Input, { kind: 'event' | 'table' }>): void {
  const partition = input.kind === 'event' ? input.record.partition : input.partition;
  for (const kind of sweepKinds) {
    // Usage changes all the time, and what is denied meanwhile can wait to be told of it.
    if (kind !== 'quota' || input.kind === 'table') noteVersion(sweeping, sweepOf(sweeping, kind), partition);
  }
}

function noteVersion({ context, draft, bounds }: Sweeping, { key, kind, version, versionBefore }: Sweep, partition: number): void {
  if (version === '') return;
  const known = context.get('evidence', key, 'PolicySweep');
  if (known?.versions.at(-1) === version) return;
  const isForgotten = known !== undefined && known.versions.length >= bounds.versionsMax;
  const versions = isForgotten ? [anyVersion] : (known?.versions ?? [versionBefore]);
  const stand = known?.after ?? '';
  putSweep(draft, key, { versions: [...versions, version], after: stand, until: null, again: stand === '' ? null : stand, asked: null });
  scheduleSweep(draft, kind, `${kind}/${partition}`);
}

const putSweep = (draft: Draft, key: string, data: PolicySweep): void =>
  draft.put({ store: 'evidence', key, row: { type: 'PolicySweep', data } });

const scheduleSweep = (draft: Draft, kind: SweepKind, id: string, notBeforeMs = 0): void =>
  draft.schedule(id, { kind, key: id, payload: null, ...(notBeforeMs > 0 && { notBeforeMs }) });

/** Longest wait for what a step has asked for: a request may be parked. */
const askedMsMax = 10_000;

/** Goes on for one step. @returns why nothing follows, where nothing does */
export function sweep({ context, draft, set, bounds }: Sweeping, timer: SweepTimer): string {
  const { key: sweepKey, kind, changedOver, occasionOver } = sweepOf({ set, context }, timer.kind);
  const known = context.get('evidence', sweepKey, 'PolicySweep');
  if (known?.after === null || known === undefined) return 'all tags have been compared with the policies';
  const { concerned, stand, isLast } = partOf({ context, bounds }, kind, { ...known, after: known.after }, changedOver(known.versions));
  const occasion = occasionOver(known.versions);
  let asked: string | null = null;
  for (const key of concerned) {
    const compared = { key: isDenialKey(key) ? deniedTagKey(key) : key, occasion, atMs: timer.atMs };
    if ((isDenialKey(key) ? compareDenied : compare)({ context, draft, set, bounds }, compared)) asked = compared.key;
  }
  const next = isLast ? turned(known) : { ...known, after: stand };
  putSweep(draft, sweepKey, { ...next, asked: next.after === null ? null : asked });
  if (next.after !== null) scheduleSweep(draft, kind, timer.id, asked === null ? 0 : timer.atMs + askedMsMax);
  else if (kind === 'shadow' && set.shadow !== undefined) draft.emit(comparedEvent(set.shadow, timer));
  return next.after === null ? 'all tags have been compared with the policies' : 'no tag of this part is decided otherwise';
}

type SweepTimer = { readonly id: string; readonly kind: SweepKind; readonly atMs: number };

type Part = { readonly concerned: readonly string[]; readonly stand: string; readonly isLast: boolean };

/** Keys from where a sweep stands on, up to as many that the changes may concern as one step decides. */
function partOf(
  { context, bounds: { keysMax, decidedMax } }: Pick<Sweeping, 'context' | 'bounds'>,
  kind: SweepKind,
  { after, until }: { readonly after: string; readonly until: string | null },
  changed: readonly Document[] | undefined,
): Part {
  const concerned: string[] = [];
  let [stand, passedCount] = [after, 0];
  // Where all are concerned the first are enough; where few are, each look into a large store costs more than the keys that it gives.
  for (let wanted = decidedMax + 1; passedCount < keysMax; wanted *= 4) {
    const limit = Math.min(wanted, keysMax - passedCount);
    const found = keysOf(context, kind, { limit, after: stand });
    for (const key of found) {
      if (until !== null && isBehind(key, until)) return { concerned, stand, isLast: true };
      const isConcerned = changed === undefined || mayConcern(changed, namesOf(key));
      if (isConcerned && concerned.length === decidedMax) return { concerned, stand, isLast: false };
      if (isConcerned) concerned.push(key);
      stand = key;
    }
    if (found.length < limit) return { concerned, stand, isLast: true };
    passedCount += found.length;
  }
  return { concerned, stand, isLast: false };
}

/** A tag that was asked for has been decided anew: the sweep that waits for it goes on. */
export function goOnAfter({ context, draft, set }: Omit<Sweeping, 'bounds'>, partition: number, tag: string): void {
  for (const kind of sweepKinds) {
    const key = rowKeys[kind];
    const known = context.get('evidence', key, 'PolicySweep');
    if (known?.asked !== tag) continue;
    // Another version has come with this very input: then the row is not as it was, and the next step is on its way.
    if (kind !== 'quota' && known.versions.at(-1) !== sweepOf({ set, context }, kind).version) continue;
    putSweep(draft, key, { ...known, asked: null });
    scheduleSweep(draft, kind, `${kind}/${partition}`);
  }
}

/** Where a sweep stands that has come to the end of the keys, or to the one that it was to go to. */
const turned = ({ versions, again }: PolicySweep): Omit<PolicySweep, 'asked'> =>
  again === null ? { versions: versions.slice(-1), after: null, until: null, again } : { versions, after: '', until: again, again: null };

type Compared = { readonly key: string; readonly occasion: Review; readonly atMs: number };

function compareDenied(sweeping: Sweeping, compared: Compared): boolean {
  const row = sweeping.context.get('decisions', compared.key, 'DecisionState');
  if (row?.status === 'denied') return compare(sweeping, compared);
  clearDenial(sweeping.draft, compared.key);
  return false;
}

/** @returns whether the tag is asked for */
function compare({ context, draft, set }: Sweeping, { key, occasion, atMs }: Compared): boolean {
  const row = context.get('decisions', key, 'DecisionState');
  if (row === undefined || row.digest === '' || row.status === 'deleted') return false;
  const evidence = draft.evidence(row, row.digest);
  if (evidence === undefined) return false;
  const { isNews, row: next } = judge(set, row, evidence, Math.max(atMs, row.changedAtMs), () => draft.pulls(row)?.places ?? []);
  if (!isNews && !differs(row, next)) return false;
  draft.emit(reviewRequest(row, occasion, versionOf(set.rulebook), atMs));
  return true;
}

/** Of a key as `tagKey` makes it. */
function namesOf(key: string): Pick<DecisionState, 'registry' | 'repository' | 'tag'> {
  const [slash, colon] = [key.indexOf('/'), key.lastIndexOf(':')];
  return { registry: key.slice(0, slash), repository: key.slice(slash + 1, colon), tag: key.slice(colon + 1) };
}

const isBehind = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0;
