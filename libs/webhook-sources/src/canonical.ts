import type { ImageEvent } from './parsed.ts';

/** A push in the words that all registries share, for people and scripts: what `waybill sources parse` prints. */
export type CanonicalPush = {
  readonly registryHost: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: string | null;
  readonly mediaType: string | null;
  /** Bytes of the manifest. */
  readonly size: number | null;
  /** ISO 8601 in UTC, whole ms. */
  readonly pushedAt: string | null;
  readonly actor: string | null;
  readonly sourceDeliveryId: string | null;
  readonly action: 'push';
  /** What was written where it could not be read; left out where nothing was. */
  readonly rawDigest?: string;
  readonly rawPushedAt?: string;
  readonly transportDeliveryId?: string;
};

/** @returns undefined for what is no push */
export function findCanonicalPush({ type, data }: ImageEvent): CanonicalPush | undefined {
  if (type !== 'ImagePushed') return undefined;
  return {
    registryHost: data.registry,
    repository: data.repository,
    tags: data.tags,
    digest: data.digest,
    mediaType: data.mediaType,
    size: data.sizeBytes,
    pushedAt: data.occurredAtMs === null ? null : new Date(data.occurredAtMs).toISOString(),
    actor: data.actor,
    sourceDeliveryId: data.sourceDeliveryId,
    action: 'push',
    ...(data.rawDigest === null ? {} : { rawDigest: data.rawDigest }),
    ...(data.rawOccurredAt === null ? {} : { rawPushedAt: data.rawOccurredAt }),
    ...(data.transportDeliveryId === null ? {} : { transportDeliveryId: data.transportDeliveryId }),
  };
}
