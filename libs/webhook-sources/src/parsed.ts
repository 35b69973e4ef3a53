import type { ImageDeleted, ImagePulled, ImagePushed } from '@waybill/domain';

/** Names are lower case; one that came several times is joined by `, ` (RFC 9110, section 5.3). */
export type Headers = Readonly<Record<string, string>>;

/** A delivery as it came in, after its sender has proved to be who it says. */
export type Delivery = { readonly headers: Headers; readonly body: Buffer; readonly receivedAtMs: number };

/** What the gateway's configuration says about an endpoint. */
export type SourceSettings = {
  readonly endpoint: string;
  /** Host that events of this endpoint get, whatever the payload says; null takes the payload's. */
  readonly registryHost: string | null;
  /** What becomes of manifests that are pushed without a tag: mostly children of an index. */
  readonly untagged: 'emit' | 'ignore';
  /** What becomes of signatures, SBOMs and attestations beside an image. */
  readonly attached: 'emit' | 'ignore';
  /** Actors that are accounts of ours: their pulls are marked. */
  readonly ownActors: readonly string[];
  /** Registry hosts that this endpoint may speak of; null for any. A secret says who sends, not what may be said. */
  readonly allowedHosts: readonly string[] | null;
  /** Repositories that this endpoint may speak of, each with all below it; null for any. */
  readonly allowedRepositories: readonly string[] | null;
  /** Origins that an `OPTIONS` request may ask for, in lower case; null for those that the kind of source names itself. */
  readonly allowedOrigins: readonly string[] | null;
};

/** Settings of an endpoint whose configuration says nothing but its name. */
export const settingsOf = (endpoint: string, more: Partial<SourceSettings> = {}): SourceSettings => ({
  endpoint,
  registryHost: null,
  untagged: 'emit',
  attached: 'emit',
  ownActors: [],
  allowedHosts: null,
  allowedRepositories: null,
  allowedOrigins: null,
  ...more,
});

/** What a sender's protocol asks for before it sends. */
export type Handshake =
  /** Exactly this answer. */
  | {
      readonly kind: 'answer';
      readonly status: 200;
      readonly headers: Headers;
      readonly body: Readonly<Record<string, string>> | null;
    }
  /** A `GET` of this address, then 200 (SNS). The caller checks that the address is the sender's before it connects. */
  | { readonly kind: 'confirm'; readonly url: string };

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
  NOT_AN_IMAGE: 'about something else: a package of another format, a Git push, a foreign event',
  NOT_A_PUSH: 'a build, a promotion, a refused push or another step that makes no image available',
  REPEATED_BY_SENDER: 'a second notice of what the sender reports by another event too',
  PING: 'a test of the connection',
  UNTAGGED: 'a manifest without a tag, which the endpoint is configured to ignore',
  ATTACHED: 'a signature, an SBOM or an attestation, which the endpoint is configured to ignore',
} as const;
export type IgnoredReason = keyof typeof ignoredReasons;

/** Why a part of an authentic delivery could not be read; it is to be parked. Stable: parked records, metrics and runbooks carry it. */
export const malformedReasons = {
  BODY_TOO_LARGE: 'the body is larger than a delivery may be',
  BODY_NOT_UTF8: 'the body is not UTF-8',
  CHARSET_UNSUPPORTED: 'the body is declared to be in another charset than UTF-8, and is not plain ASCII',
  BODY_TOO_DEEP: 'the body nests deeper than any known sender does',
  BODY_NOT_JSON: 'the body is not JSON, or was cut off',
  BODY_KEY_TWICE: 'an object of the body has one key twice, and which of them counts is not known',
  BODY_NOT_AN_OBJECT: 'the body is JSON, but neither an object nor a batch that this sender sends',
  TOO_MANY_EVENTS: 'the batch holds more events than a delivery may have',
  EVENT_UNKNOWN: 'an event of a kind that this source is not known to send',
  EVENT_NOT_AN_OBJECT: 'an event of the batch is no object',
  HEADER_INVALID: 'a header of the event is not percent-encoded UTF-8',
  SIGNATURE_EMPTY: 'the sender signs, and its signature is empty: the hook has no secret',
  FIELD_MISSING: 'a field without which the event says nothing is missing',
  REGISTRY_MISSING: 'the payload names no valid registry host; set registryHost for the endpoint',
  REGISTRY_NOT_ALLOWED: 'the endpoint may not speak of this registry; see allowedHosts in the configuration',
  REPOSITORY_NOT_ALLOWED: 'the endpoint may not speak of this repository; see allowedRepositories in the configuration',
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
 * `ignored` and `malformed` tell the first reason where no part gave an event; `handshake` is a question of the sender's protocol.
 */
export type Parsed =
  | { readonly outcome: 'handshake'; readonly handshake: Handshake; readonly rest: readonly Rest[] }
  | { readonly outcome: 'events'; readonly events: readonly ImageEvent[]; readonly rest: readonly Rest[] }
  | { readonly outcome: 'ignored'; readonly reason: IgnoredReason; readonly rest: readonly Rest[] }
  | { readonly outcome: 'malformed'; readonly reason: MalformedReason; readonly rest: readonly Rest[] };
