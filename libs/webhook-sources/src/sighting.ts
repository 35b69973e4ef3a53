import { deterministicId, isDigest, isRegistryHost, isRepositoryName, isTag, ownUserAgent } from '@waybill/domain';
import { artifactKindOf, type ArtifactKind } from './artifact-kind.ts';
import { findText } from './json.ts';
import type { Handshake, IgnoredReason, ImageEvent, MalformedReason, Rest, SourceSettings } from './parsed.ts';

/** What a part of a payload says about an image, as the sender wrote it: unchecked. */
export type Sighting = {
  readonly action: 'push' | 'delete' | 'pull';
  readonly registry: unknown;
  readonly repository: unknown;
  /** True for a sender whose repositories have upper-case letters. */
  readonly isUpperCaseKept?: boolean;
  /** One tag or a list. None, an empty one, and a digest in a tag's place mean untagged. */
  readonly tag: unknown;
  readonly digest: unknown;
  readonly mediaType?: unknown;
  readonly configMediaType?: unknown;
  readonly sizeBytes?: unknown;
  readonly actor: unknown;
  /** How the client of the registry names itself. */
  readonly userAgent?: unknown;
  readonly occurredAtMs: number | null;
  /** The time as text where it cannot be placed. */
  readonly rawOccurredAt?: unknown;
  /** Stable over the sender's retries. */
  readonly deliveryId?: unknown;
  /** Within what `deliveryId` is unique, where it is not by itself: the `source` of a CloudEvent. */
  readonly deliveryScope?: string;
  readonly transportDeliveryId?: unknown;
  /** Where the sender tells it. */
  readonly artifactType?: unknown;
};

/** What a source makes of one part of its payload. */
export type Finding =
  | { readonly sighting: Sighting }
  | { readonly ignored: IgnoredReason }
  | { readonly malformed: MalformedReason }
  | { readonly handshake: Handshake };

/**
 * A sighting by a sender that always names a tag or a digest: what names neither says nothing of any image. Only a deletion may
 * name neither: it is the repository that is gone. For that must not pass a deletion whose digest cannot be read.
 */
export function findingOf(sighting: Sighting): Finding {
  const { action, tag, digest } = sighting;
  const isWritten = (name: unknown): name is string => typeof name === 'string' && name !== '';
  const isTagged = [tag].flat().some(isWritten);
  const isSaid = action === 'delete' ? isTagged || !isWritten(digest) || isDigest(digest) : isTagged || isWritten(digest);
  return isSaid ? { sighting } : { malformed: 'FIELD_MISSING' };
}

/** Where a sighting stood: what its event gets beside the payload's own words. */
export type Origin = {
  readonly kind: string;
  readonly settings: SourceSettings;
  readonly receivedAtMs: number;
  /** Asked for only where nothing else tells occurrences apart. */
  readonly bodySha256: () => string;
  readonly index: number;
};

/** @returns the event, or the first reason why the sighting is none */
export function toEvent(sighting: Sighting, origin: Origin): ImageEvent | Rest {
  const { settings, index } = origin;
  const malformed = (reason: MalformedReason): Rest => ({ kind: 'malformed', index, reason });
  const registry = findHost(settings.registryHost ?? sighting.registry);
  if (registry === undefined) return malformed('REGISTRY_MISSING');
  if (settings.allowedHosts !== null && !settings.allowedHosts.includes(registry)) return malformed('REGISTRY_NOT_ALLOWED');
  const repository = findRepository(sighting);
  if (repository === undefined) return malformed('REPOSITORY_INVALID');
  if (!isAllowed(repository, settings)) return malformed('REPOSITORY_NOT_ALLOWED');
  const tags = findTags(sighting.tag, sighting.digest);
  if (tags === undefined) return malformed('TAG_INVALID');
  const artifactKind = artifactKindOf(sighting, tags);
  const ignored = findIgnored(sighting, artifactKind, tags, settings);
  if (ignored !== undefined) return { kind: 'ignored', index, reason: ignored };

  const writtenDigest = findText(sighting.digest);
  const digest = writtenDigest !== null && isDigest(writtenDigest) ? writtenDigest : null;
  const rawDigest = digest === null ? writtenDigest : null;
  const sourceDeliveryId = findText(sighting.deliveryId);
  const actor = findText(sighting.actor);
  const { receivedAtMs } = origin;
  const { occurredAtMs } = sighting;
  const common = {
    ...{ registry, repository, tags, digest, actor, occurredAtMs, receivedAtMs },
    ...{ source: origin.kind, endpoint: settings.endpoint, sourceDeliveryId, origin: 'webhook' },
  };
  const type = eventTypes[sighting.action];
  const rawOccurredAt = occurredAtMs === null ? findText(sighting.rawOccurredAt) : null;
  const { deliveryScope = '' } = sighting;
  const deliveryName = sourceDeliveryId !== null && deliveryScope !== '' ? `${deliveryScope}#${sourceDeliveryId}` : sourceDeliveryId;
  const occurrence = deliveryName ?? occurredAtMs ?? rawOccurredAt ?? unnamedOccurrence(origin);
  const id = deterministicId(origin.kind, registry, repository, tags.join(','), digest ?? rawDigest, type, occurrence);
  if (type === 'ImageDeleted') return { id, type, data: common };
  const seen = {
    ...common,
    rawDigest,
    mediaType: findText(sighting.mediaType),
    configMediaType: findText(sighting.configMediaType),
    sizeBytes: findSize(sighting.sizeBytes),
    artifactKind,
  };
  if (type === 'ImagePulled') {
    // Without accounts a registry can only tell us by our name. Who takes it is not counted as a user, no more.
    const byOwnRobot = sighting.userAgent === ownUserAgent || (actor !== null && settings.ownActors.includes(actor));
    return { id, type, data: { ...seen, byOwnRobot } };
  }
  return { id, type, data: { ...seen, rawOccurredAt, transportDeliveryId: findText(sighting.transportDeliveryId) } };
}

/** Longest time in which a sender without ids repeats what was not acknowledged (Quay: 30 s apart). */
const repeatMs = 60_000;

/**
 * What tells an occurrence from the next of the same image where the sender gives neither an id nor a time: the bytes, and the minute
 * in which they came. Bytes alone would make a tag that moves away and back, or is pushed again under a sender that names no digest,
 * one event for ever, and the second push would be lost; a repeat that crosses the minute is one event more, which changes nothing.
 */
const unnamedOccurrence = ({ bodySha256, index, receivedAtMs }: Origin): string =>
  `${bodySha256()}#${index}@${Math.floor(receivedAtMs / repeatMs)}`;

/** `team` allows `team/app`, and not `teams`. */
const isAllowed = (repository: string, { allowedRepositories }: SourceSettings): boolean =>
  allowedRepositories === null || allowedRepositories.some((name) => repository === name || repository.startsWith(`${name}/`));

function findRepository({ repository, isUpperCaseKept = false }: Sighting): string | undefined {
  if (typeof repository !== 'string') return undefined;
  return isRepositoryName(isUpperCaseKept ? repository.toLowerCase() : repository) ? repository : undefined;
}

function findIgnored(
  { action, configMediaType }: Sighting,
  kind: ArtifactKind,
  tags: readonly string[],
  settings: SourceSettings,
): IgnoredReason | undefined {
  if (action !== 'push') return undefined;
  // Not by an artifact type: that alone is only a claim of the pusher's.
  if (artifactKindOf({ configMediaType }, []) === 'helm-chart') return 'HELM_CHART';
  if (settings.attached === 'ignore' && (kind === 'signature' || kind === 'sbom' || kind === 'attestation')) return 'ATTACHED';
  return settings.untagged === 'ignore' && tags.length === 0 ? 'UNTAGGED' : undefined;
}

const eventTypes = { push: 'ImagePushed', delete: 'ImageDeleted', pull: 'ImagePulled' } as const;

function findHost(value: unknown): string | undefined {
  const host = typeof value === 'string' ? value.toLowerCase() : '';
  return isRegistryHost(host) ? host : undefined;
}

/** More tags than any sender names in one event. */
const tagsMax = 1_000;

/** Undefined where one of them is neither a tag nor something that stands for none. */
function findTags(tag: unknown, digest: unknown): readonly string[] | undefined {
  const listed: readonly unknown[] = Array.isArray(tag) ? tag : [tag];
  if (listed.length > tagsMax) return undefined;
  const tags: string[] = [];
  for (const one of listed) {
    if (one === undefined || one === null || one === '') continue;
    if (typeof one !== 'string') return undefined;
    if (one === digest || one.startsWith('sha256:') || one.startsWith('sha512:')) continue;
    if (!isTag(one)) return undefined;
    if (!tags.includes(one)) tags.push(one);
  }
  return tags;
}

const findSize = (value: unknown): number | null => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null);
