import {
  digestKey,
  happenedAtMs,
  repositoryKey,
  tagKey,
  type CopyChanged,
  type CopyState,
  type DeletionState,
  type ImageDeleted,
} from '@waybill/domain';
import { countedOf, manifestsOf, unknownCopy, withChange, type Counted } from './copy-state.ts';
import type { Draft } from './draft.ts';
import { countCopy, recount } from './totals.ts';

/** Of one step, so that nobody waits for long. What goes over them still counts although it is gone; that is noted. */
const tagsMax = 10_000;
const tagsOfManifestMax = 1_000;

type Place = { readonly registry: string; readonly repository: string };
const copyKey = (place: Place, tag: string): string => `copy/${tagKey(place, tag)}`;
const manifestKey = (place: Place, digest: string): string => `manifest/${digestKey(place, digest)}`;
const placeKey = (place: Place): string => `repository/${repositoryKey(place)}`;

/** What became of a copy, at the place that it goes to. */
export function onCopyChanged(draft: Draft, changed: CopyChanged): string {
  const place = { registry: changed.targetRegistry, repository: changed.targetRepository };
  const before = draft.get(copyKey(place, changed.targetTag), 'CopyState') ?? unknownCopy(changed);
  const after = withChange(before, changed);
  if (after === before) return 'something newer is known of the copy';
  const counted = counts(draft, before);
  if (changed.change === 'wanted' && isNewCopy(before, changed)) countCopy(draft, changed.tenant, changed.changedAtMs);
  point(draft, before, after);
  put(draft, after);
  recount(draft, counted, counts(draft, after));
  return 'a copy has changed';
}

/** Another image, or the same after it was taken back: what decisions say, which come in order, whatever else is known by now. */
const isNewCopy = (before: CopyState, { digest }: CopyChanged): boolean =>
  before.digest !== digest || (before.withdrawnDigest === digest && before.withdrawnAtMs! > before.wantedAtMs!);

/** Of a tag, a manifest with all tags that point to it, or a whole repository. */
export function onDeleted(draft: Draft, deletion: ImageDeleted): string {
  const atMs = happenedAtMs(deletion);
  const { tags, digest } = deletion;
  for (const tag of tags) deleteTag(draft, deletion, tag, atMs);
  // Senders that name a tag with its manifest mean both.
  if (digest !== null) deleteAll(draft, deletion, digest, atMs);
  else if (tags.length === 0) deleteAll(draft, deletion, null, atMs);
  return 'a deletion is counted, where copies are';
}

function deleteTag(draft: Draft, place: Place, tag: string, atMs: number): void {
  const target = { targetRegistry: place.registry, targetRepository: place.repository, targetTag: tag };
  const before = draft.get(copyKey(place, tag), 'CopyState') ?? unknownCopy(target);
  if (before.deletedAtMs !== null && before.deletedAtMs >= atMs) return;
  const after = { ...before, deletedAtMs: atMs };
  put(draft, after);
  recount(draft, counts(draft, before), counts(draft, after));
}

function deleteAll(draft: Draft, place: Place, digest: string | null, atMs: number): void {
  const key = digest === null ? placeKey(place) : manifestKey(place, digest);
  const known = draft.get(key, 'DeletionState') ?? emptyDeletion(place, digest);
  if (known.deletedAtMs !== null && known.deletedAtMs >= atMs) return;
  const copies = digest === null ? copiesIn(draft, place) : known.tags.map((tag) => draft.get(copyKey(place, tag), 'CopyState'));
  const before = copies.map((copy) => copy && counts(draft, copy));
  draft.put(key, { type: 'DeletionState', data: { ...known, deletedAtMs: atMs } });
  for (const [at, copy] of copies.entries()) if (copy) recount(draft, before[at], counts(draft, copy));
}

function copiesIn(draft: Draft, place: Place): readonly (CopyState | undefined)[] {
  const keys = draft.keys(copyKey(place, ''), tagsMax);
  if (keys.length === tagsMax) draft.note('a repository with too many tags was deleted');
  return keys.map((key) => draft.get(key, 'CopyState'));
}

const emptyDeletion = ({ registry, repository }: Place, digest: string | null): DeletionState => ({
  ...{ registry, repository, digest, tags: [], deletedAtMs: null },
});

const put = (draft: Draft, data: CopyState): void => draft.put(copyKey(data, data.tag), { type: 'CopyState', data });

const counts = (draft: Draft, state: CopyState): Counted | undefined =>
  countedOf(state, {
    repository: draft.get(placeKey(state), 'DeletionState')?.deletedAtMs ?? -Infinity,
    manifest: (digest) => draft.get(manifestKey(state, digest), 'DeletionState')?.deletedAtMs ?? -Infinity,
  });

/** Has the manifests that a tag points to know it, and those that it pointed to forget it. */
function point(draft: Draft, before: CopyState, after: CopyState): void {
  const [old, next] = [manifestsOf(before), manifestsOf(after)];
  for (const digest of old.filter((each) => !next.includes(each)))
    putTags(draft, after, digest, (tags) => tags.filter((tag) => tag !== after.tag));
  for (const digest of next.filter((each) => !old.includes(each))) putTags(draft, after, digest, (tags) => [...tags, after.tag]);
}

function putTags(draft: Draft, place: Place, digest: string, change: (tags: readonly string[]) => readonly string[]): void {
  const key = manifestKey(place, digest);
  const known = draft.get(key, 'DeletionState') ?? emptyDeletion(place, digest);
  const tags = change(known.tags);
  if (tags.length > tagsOfManifestMax) draft.note('a manifest has too many tags');
  draft.put(key, { type: 'DeletionState', data: { ...known, tags: tags.slice(0, tagsOfManifestMax) } });
}
