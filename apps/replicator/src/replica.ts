import { tagKey, type EventOf, type ImageDecided, type ReplicaState, type Target } from '@waybill/domain';

/** Host of a configured registry by its name; a name that is not configured stands for itself, and its copies fail with the reason. */
export type HostOf = (registryName: string) => string;

/** Where a target is: key of its row and of its job, so that there is never more than one copy on its way to a tag. */
export const replicaKey = (target: Target, hostOf: HostOf): string => tagKey({ ...target, registry: hostOf(target.registry) }, target.tag);

/**
 * The row of a copy that is about to be made; what was last read back there stays known. `changedAtMs` is when it was decided, also
 * after the copy has ended: it tells an older decision from a newer one, and when a copy ended is in its event.
 */
export const copyingState = (
  { data, meta }: EventOf<'ImageDecided'>,
  target: Target,
  hostOf: HostOf,
  row: ReplicaState | undefined,
): ReplicaState => ({
  registry: data.registry,
  repository: data.repository,
  tag: data.tag,
  digest: data.digest,
  targetRegistry: hostOf(target.registry),
  targetRepository: target.repository,
  targetTag: target.tag,
  status: 'copying',
  copiedDigest: row?.copiedDigest ?? null,
  reason: null,
  decisionEventId: meta.id,
  correlationId: meta.correlationId,
  changedAtMs: data.evaluatedAtMs,
  platforms: target.platforms,
  priorityClass: target.priorityClass,
});

/** The row of an image that is its own target, as those of a registry are that others are copied to. */
export const ownState = (...made: Parameters<typeof copyingState>): ReplicaState => {
  const state = copyingState(...made);
  return { ...state, status: 'copied', copiedDigest: state.digest, platforms: [], reason: 'is its own target' };
};

/** Why a target needs no copy; undefined when it does. */
export function findReasonNotToCopy({ data }: EventOf<'ImageDecided'>, target: Target, hostOf: HostOf, row: ReplicaState | undefined) {
  if (replicaKey(target, hostOf) === tagKey(data, data.tag)) return 'is its own target';
  if (row && isOlder(data, row)) return 'a newer decision is known';
  if (row?.digest !== data.digest || row.platforms.join() !== target.platforms.join()) return undefined;
  if (row.status === 'copied') return 'already copied';
  return row.status === 'copying' ? isBeingCopied : undefined;
}
const isBeingCopied = 'is being copied';

/** Whether all that a decision changes about a target is how urgent its copy is, which is on its way. */
export const isMoreOrLessUrgent = (
  { priorityClass }: Target,
  row: ReplicaState | undefined,
  reason: string | undefined,
): row is ReplicaState => reason === isBeingCopied && row?.priorityClass !== priorityClass;

/** Of the job that makes the copy; a class that is not known is as usual. */
export const priorityOf = ({ priorityClass }: Target): number => ({ critical: 2, high: 1, normal: 0, low: -1 })[priorityClass] ?? 0;

/** Whether a row follows a newer decision on the same tag. Those on other tags have times of their own and come in the log's order. */
const isOlder = (data: ImageDecided, row: ReplicaState): boolean =>
  tagKey(row, row.tag) === tagKey(data, data.tag) && data.evaluatedAtMs < row.changedAtMs;

/** Whether a deny takes back what a row says: the same image under the same tag, not there yet, and by no newer decision. */
export const isWithdrawn = (data: ImageDecided, row: ReplicaState): boolean =>
  row.status !== 'copied' && row.digest === data.digest && tagKey(row, row.tag) === tagKey(data, data.tag) && !isOlder(data, row);
