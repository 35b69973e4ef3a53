import type { CopyChanged, CopyState } from '@waybill/domain';

/**
 * A copy as its target's partition knows it. What is wanted comes from decisions, what became of it from whoever copied, deletions from
 * the registry: by different ways, so in any order, and again when all is read anew. So of each kind the newest counts, by when it
 * happened, and what follows from all of them is worked out last. Whatever the order, the same comes of it.
 */
export const unknownCopy = ({
  targetRegistry,
  targetRepository,
  targetTag,
}: Pick<CopyChanged, 'targetRegistry' | 'targetRepository' | 'targetTag'>): CopyState => ({
  ...{ registry: targetRegistry, registryName: null, repository: targetRepository, tag: targetTag },
  ...{ digest: '', tenant: null, sizeBytes: null, sourceRegistry: null, sourceRepository: null, wantedAtMs: null },
  ...{ withdrawnDigest: null, withdrawnAtMs: null, failedDigest: null, failedAtMs: null },
  ...{ copiedDigest: null, copiedAtMs: null, copiedBytes: null, placedDigest: null, deletedAtMs: null },
});

export function withChange(state: CopyState, changed: CopyChanged): CopyState {
  const { digest, changedAtMs: atMs } = changed;
  switch (changed.change) {
    case 'wanted': {
      const { tenant, sizeBytes, registry: sourceRegistry, repository: sourceRepository, targetRegistryName: registryName } = changed;
      if (!isNewer(changed, state.wantedAtMs, state.digest)) return state;
      return { ...state, digest, tenant, sizeBytes, sourceRegistry, sourceRepository, registryName, wantedAtMs: atMs };
    }
    case 'withdrawn':
      return isNewer(changed, state.withdrawnAtMs, state.withdrawnDigest)
        ? { ...state, withdrawnDigest: digest, withdrawnAtMs: atMs }
        : state;
    case 'failed':
      return isNewer(changed, state.failedAtMs, state.failedDigest) ? { ...state, failedDigest: digest, failedAtMs: atMs } : state;
    case 'copied': {
      const { sizeBytes: copiedBytes, copiedDigest: placedDigest } = changed;
      if (!isNewer(changed, state.copiedAtMs, state.copiedDigest)) return state;
      return { ...state, copiedDigest: digest, copiedAtMs: atMs, copiedBytes, placedDigest };
    }
    default:
      throw new Error(`a copy cannot be ${changed.change}: a newer version of the app has written it`);
  }
}

/** Of two at the same moment the digest decides, so that their order does not. */
const isNewer = ({ changedAtMs, digest }: CopyChanged, knownAtMs: number | null, knownDigest: string | null): boolean =>
  knownAtMs === null || changedAtMs > knownAtMs || (changedAtMs === knownAtMs && digest > (knownDigest ?? ''));

/** When something was last deleted, Unix ms; -Infinity for never. */
export type DeletedAtMs = { readonly repository: number; readonly manifest: (digest: string) => number };

/** A copy as it counts. `bytes` is null where its size is not known. */
export type Counted = { readonly tenant: string | null; readonly registryName: string; readonly bytes: number | null };

/**
 * What is decided to be at a target, or lies there: not what was given up, taken back before it was copied, or deleted. Where a copy over
 * an older one is given up, the older one is still there: it counts as large as what was wanted.
 * @returns undefined for nothing, and while no decision on it is known
 */
export function countedOf(state: CopyState, deletedAtMs: DeletedAtMs): Counted | undefined {
  const { tenant, registryName, digest, wantedAtMs, copiedAtMs, copiedDigest, placedDigest } = state;
  if (wantedAtMs === null || registryName === null) return undefined;
  const goneAtMs = Math.max(state.deletedAtMs ?? -Infinity, deletedAtMs.repository);
  const placedGoneAtMs = placedDigest === null ? -Infinity : deletedAtMs.manifest(placedDigest);
  const isPlaced = copiedDigest === digest;
  const isThere = copiedAtMs !== null && copiedAtMs > Math.max(goneAtMs, placedGoneAtMs);
  const endedAtMs = Math.max(
    goneAtMs,
    deletedAtMs.manifest(digest),
    isPlaced ? placedGoneAtMs : -Infinity,
    state.failedDigest === digest ? state.failedAtMs! : -Infinity,
    state.withdrawnDigest === digest ? state.withdrawnAtMs! : -Infinity,
  );
  if (!isThere && wantedAtMs <= endedAtMs) return undefined;
  return { tenant, registryName, bytes: (isPlaced ? state.copiedBytes : null) ?? state.sizeBytes };
}

/** Manifests whose deletion is that of the copy. */
export const manifestsOf = ({ digest, placedDigest }: CopyState): readonly string[] => [
  ...new Set([digest, placedDigest ?? ''].filter((known) => known !== '')),
];
