import { deterministicId, isDigest, isRegistryHost, isRepositoryName, isTag } from '@waybill/domain';
import { findText } from './json.ts';
import type { IgnoredReason, ImageEvent, MalformedReason, SourceSettings } from './parsed.ts';

/** What a part of a payload says about an image, as the sender wrote it: unchecked. */
export type Sighting = {
  readonly action: 'push' | 'delete' | 'pull';
  readonly registry: unknown;
  readonly repository: unknown;
  readonly tag: unknown;
  readonly digest: unknown;
  readonly mediaType?: unknown;
  readonly configMediaType?: unknown;
  readonly sizeBytes?: unknown;
  readonly actor: unknown;
  readonly occurredAtMs: number | null;
  readonly deliveryId?: unknown;
};

/** What a source makes of one part of its payload. */
export type Finding = { readonly sighting: Sighting } | { readonly ignored: IgnoredReason } | { readonly malformed: MalformedReason };

/** Where a sighting stood: what its event gets beside the payload's own words. */
export type Origin = {
  readonly kind: string;
  readonly settings: SourceSettings;
  readonly receivedAtMs: number;
  readonly bodySha256: string;
  readonly index: number;
};

/** @returns the event, or the first reason why the sighting is none */
export function toEvent(sighting: Sighting, origin: Origin): ImageEvent | MalformedReason {
  const registry = findHost(origin.settings.registryHost ?? sighting.registry);
  if (registry === undefined) return 'REGISTRY_MISSING';
  const { repository } = sighting;
  if (typeof repository !== 'string' || !isRepositoryName(repository)) return 'REPOSITORY_INVALID';
  const tags = findTags(sighting.tag, sighting.digest);
  if (tags === undefined) return 'TAG_INVALID';

  const writtenDigest = findText(sighting.digest);
  const digest = writtenDigest !== null && isDigest(writtenDigest) ? writtenDigest : null;
  const rawDigest = digest === null ? writtenDigest : null;
  const sourceDeliveryId = findText(sighting.deliveryId);
  const { occurredAtMs } = sighting;
  const common = {
    registry,
    repository,
    tags,
    digest,
    actor: findText(sighting.actor),
    occurredAtMs,
    receivedAtMs: origin.receivedAtMs,
    source: origin.kind,
    endpoint: origin.settings.endpoint,
    sourceDeliveryId,
    origin: 'webhook',
  };
  const type = eventTypes[sighting.action];
  // The sender's own id or time tells this occurrence from the next of the same image; without them only the bytes can.
  const occurrence = sourceDeliveryId ?? occurredAtMs ?? `${origin.bodySha256}#${origin.index}`;
  const id = deterministicId(origin.kind, registry, repository, tags.join(','), digest ?? rawDigest, type, occurrence);
  if (type === 'ImageDeleted') return { id, type, data: common };
  const data = {
    ...common,
    rawDigest,
    mediaType: findText(sighting.mediaType),
    configMediaType: findText(sighting.configMediaType),
    sizeBytes: findSize(sighting.sizeBytes),
  };
  return { id, type, data };
}

const eventTypes = { push: 'ImagePushed', delete: 'ImageDeleted', pull: 'ImagePulled' } as const;

function findHost(value: unknown): string | undefined {
  const host = typeof value === 'string' ? value.toLowerCase() : '';
  return isRegistryHost(host) ? host : undefined;
}

/** No tag for none, for an empty one, and for a digest in the tag's place; undefined for what is neither. */
function findTags(tag: unknown, digest: unknown): readonly string[] | undefined {
  if (tag === undefined || tag === null || tag === '') return [];
  if (typeof tag !== 'string') return undefined;
  if (tag === digest || tag.startsWith('sha256:') || tag.startsWith('sha512:')) return [];
  return isTag(tag) ? [tag] : undefined;
}

const findSize = (value: unknown): number | null => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null);
