import type { DecisionState, PolicySweep } from '@waybill/domain';
import { mayConcern, versionOf, type Document } from '@waybill/policy-engine';
import type { Context, Input } from '@waybill/stream';
import { differs, judge } from './judge.ts';
import type { Draft } from './draft.ts';
import { changedInForce, haveSameDocuments, versionInForce, type InForce } from './in-force.ts';
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

/** Stands for whatever was in force before; no set has it. */
const anyVersion = '';

/** A candidate has a sweep of its own: nothing that concerns what is in force waits for it, or begins anew because of it. */
function sweepOf({ set, context }: Pick<Sweeping, 'set' | 'context'>, kind: SweepKind): Sweep {
  if (kind === 'sweep')
    return {
      ...{ key: '@sweep', kind, version: versionInForce(set), versionBefore: anyVersion },
      changedOver: (versions) => changedInForce(set, versions),
      occasionOver: (versions) => (haveSameDocuments(versions) ? 'registries' : 'policies'),
    };
  if (kind === 'quota') {
    const version = hasDenials(context) ? `${set.known.releasedCount}` : '';
    return { key: '@quota', kind, version, versionBefore: anyVersion, changedOver: () => undefined, occasionOver: () => 'usage' };
  }
  const { version = '', changedOver = () => [] } = set.shadow ?? {};
  return { key: '@shadow', kind, version, versionBefore: 'none', changedOver, occasionOver: () => 'policies' };
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
export const sweepBounds: SweepBounds = { keysMax: 2_000, decidedMax: 200, versionsMax: 8 };

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
  putSweep(draft, key, { versions: [...versions, version], after: stand, until: null, again: stand === '' ? null : stand });
  scheduleSweep(draft, kind, `${kind}/${partition}`);
}

const putSweep = (draft: Draft, key: string, data: PolicySweep): void =>
  draft.put({ store: 'evidence', key, row: { type: 'PolicySweep', data } });

const scheduleSweep = (draft: Draft, kind: SweepKind, id: string): void => draft.schedule(id, { kind, key: id, payload: null });

/** Goes on for one step. @returns why nothing follows, where nothing does */
export function sweep({ context, draft, set, bounds }: Sweeping, timer: SweepTimer): string {
  const { key: sweepKey, kind, changedOver, occasionOver } = sweepOf({ set, context }, timer.kind);
  const known = context.get('evidence', sweepKey, 'PolicySweep');
  if (known?.after === null || known === undefined) return 'all tags have been compared with the policies';
  const changed = changedOver(known.versions);
  const found = keysOf(context, kind, { limit: bounds.keysMax, after: known.after });
  const keys = found.filter((key) => known.until === null || !isBehind(key, known.until));
  const concerned = keys.filter((key) => changed === undefined || mayConcern(changed, namesOf(key)));
  const occasion = occasionOver(known.versions);
  for (const key of concerned.slice(0, bounds.decidedMax)) {
    if (isDenialKey(key)) compareDenied({ context, draft, set, bounds }, { key: deniedTagKey(key), occasion, atMs: timer.atMs });
    else compare({ context, draft, set, bounds }, { key, occasion, atMs: timer.atMs });
  }
  const isLastPart = keys.length < bounds.keysMax && concerned.length <= bounds.decidedMax;
  const stand = concerned.length > bounds.decidedMax ? concerned[bounds.decidedMax - 1] : keys.at(-1);
  const next = isLastPart ? turned(known) : { ...known, after: stand ?? known.after };
  putSweep(draft, sweepKey, next);
  if (next.after !== null) scheduleSweep(draft, kind, timer.id);
  else if (kind === 'shadow' && set.shadow !== undefined) draft.emit(comparedEvent(set.shadow, timer));
  return next.after === null ? 'all tags have been compared with the policies' : 'no tag of this part is decided otherwise';
}

type SweepTimer = { readonly id: string; readonly kind: SweepKind; readonly atMs: number };

/** Where a sweep stands that has come to the end of the keys, or to the one that it was to go to. */
const turned = ({ versions, again }: PolicySweep): PolicySweep =>
  again === null ? { versions: versions.slice(-1), after: null, until: null, again } : { versions, after: '', until: again, again: null };

type Compared = { readonly key: string; readonly occasion: Review; readonly atMs: number };

function compareDenied(sweeping: Sweeping, compared: Compared): void {
  const row = sweeping.context.get('decisions', compared.key, 'DecisionState');
  if (row?.status === 'denied') compare(sweeping, compared);
  else clearDenial(sweeping.draft, compared.key);
}

function compare({ context, draft, set }: Sweeping, { key, occasion, atMs }: Compared): void {
  const row = context.get('decisions', key, 'DecisionState');
  if (row === undefined || row.digest === '' || row.status === 'deleted') return;
  const evidence = draft.evidence(row, row.digest);
  if (evidence === undefined) return;
  const { isNews, row: next } = judge(set, row, evidence, Math.max(atMs, row.changedAtMs), () => draft.pulls(row)?.places ?? []);
  if (isNews || differs(row, next)) draft.emit(reviewRequest(row, occasion, versionOf(set.rulebook), atMs));
}

/** Of a key as `tagKey` makes it. */
function namesOf(key: string): Pick<DecisionState, 'registry' | 'repository' | 'tag'> {
  const [slash, colon] = [key.indexOf('/'), key.lastIndexOf(':')];
  return { registry: key.slice(0, slash), repository: key.slice(slash + 1, colon), tag: key.slice(colon + 1) };
}

const isBehind = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0;
