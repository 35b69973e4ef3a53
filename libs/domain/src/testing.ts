import type { ImageInspected, ImagePushed, Target } from './records.generated.ts';

/** What a push holds whose sender says no more than what it must; a field that the schema gains has its value for tests here alone. */
export const unsaid = {
  ...{ rawDigest: null, mediaType: null, configMediaType: null, artifactKind: 'unknown', sizeBytes: null, actor: null },
  ...{ rawOccurredAt: null, sourceDeliveryId: null, transportDeliveryId: null, origin: 'webhook' },
} as const satisfies Partial<ImagePushed>;

/** A target that takes all of an image, when its turn comes. */
export const targetAt = (registry: string, repository: string, tag: string, change: Partial<Target> = {}): Target => ({
  ...{ registry, repository, tag, platforms: [], priorityClass: 'normal' },
  ...change,
});

/** What an inspection says of signatures where nobody looks at them, and of attestations where there are none. */
export const notLookedAt = {
  ...{ signatures: null, subjectSignatures: [], refusedSignatures: [], trustSha256: null, predicateTypes: [] },
} as const satisfies Partial<ImageInspected>;
