import type { ImagePushed } from './records.generated.ts';

/** What a push holds whose sender says no more than what it must; a field that the schema gains has its value for tests here alone. */
export const unsaid = {
  ...{ rawDigest: null, mediaType: null, configMediaType: null, artifactKind: 'unknown', sizeBytes: null, actor: null },
  ...{ rawOccurredAt: null, sourceDeliveryId: null, transportDeliveryId: null, origin: 'webhook' },
} as const satisfies Partial<ImagePushed>;
