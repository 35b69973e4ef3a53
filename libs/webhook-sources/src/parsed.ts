import type { ImageDeleted, ImagePulled, ImagePushed } from '@waybill/domain';

/** A delivery as it came in, after its sender has proved to be who it says. Header names are lower case. */
export type Delivery = { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer; readonly receivedAtMs: number };

/** What the gateway's configuration says about an endpoint. */
export type SourceSettings = {
  readonly endpoint: string;
  /** Host that events of this endpoint get, whatever the payload says; null takes the payload's. */
  readonly registryHost: string | null;
};

/** An event of the delivery. The same delivery always gives the same `id`; another push of the same digest gives another. */
export type ImageEvent =
  | { readonly id: string; readonly type: 'ImagePushed'; readonly data: ImagePushed }
  | { readonly id: string; readonly type: 'ImageDeleted'; readonly data: ImageDeleted }
  | { readonly id: string; readonly type: 'ImagePulled'; readonly data: ImagePulled };

/** Why a part of a delivery means nothing to us. Stable: metrics carry it. */
export const ignoredReasons = {
  NO_EVENTS: 'the delivery holds no events',
  BLOB: 'a layer, a config or another blob, not a manifest',
  HELM_CHART: 'a Helm chart, by its media type',
  NOT_ABOUT_IMAGES: 'scans, quotas, replication or retention of the registry itself',
} as const;
export type IgnoredReason = keyof typeof ignoredReasons;

/** Why a part of an authentic delivery could not be read; it is to be parked. Stable: parked records, metrics and runbooks carry it. */
export const malformedReasons = {
  BODY_TOO_LARGE: 'the body is larger than a delivery may be',
  BODY_NOT_UTF8: 'the body is not UTF-8',
  BODY_TOO_DEEP: 'the body nests deeper than any known sender does',
  BODY_NOT_JSON: 'the body is not JSON, or was cut off',
  BODY_NOT_AN_OBJECT: 'the body is JSON, but no object',
  TOO_MANY_EVENTS: 'the batch holds more events than a delivery may have',
  EVENT_UNKNOWN: 'an event of a kind that this source is not known to send',
  EVENT_NOT_AN_OBJECT: 'an event of the batch is no object',
  REGISTRY_MISSING: 'the payload names no valid registry host; set registryHost for the endpoint',
  REPOSITORY_INVALID: 'the repository is missing or not a repository name',
  TAG_INVALID: 'the tag is not a tag',
  PARSER_FAILED: 'the parser failed: a fault of ours; feed the delivery back once it is mended',
} as const;
export type MalformedReason = keyof typeof malformedReasons;

/** A part of a delivery that gave no event. `index` counts the parts from 0. */
export type Rest =
  | { readonly kind: 'ignored'; readonly index: number; readonly reason: IgnoredReason }
  | { readonly kind: 'malformed'; readonly index: number; readonly reason: MalformedReason };

/**
 * What a delivery says. `events` are in the delivery's order; `rest` are the parts of the same batch that gave none.
 * `ignored` and `malformed` tell the first reason where no part gave an event.
 */
export type Parsed =
  | { readonly outcome: 'events'; readonly events: readonly ImageEvent[]; readonly rest: readonly Rest[] }
  | { readonly outcome: 'ignored'; readonly reason: IgnoredReason; readonly rest: readonly Rest[] }
  | { readonly outcome: 'malformed'; readonly reason: MalformedReason; readonly rest: readonly Rest[] };
