import type { SchemeName } from './auth/scheme.ts';
import type { JsonObject } from './json.ts';
import type { Handshake, Headers, SourceSettings } from './parsed.ts';
import type { Finding } from './sighting.ts';

/**
 * A kind of sender: all that Waybill knows of it. A new one is a folder `sources/<kind>` with this, its recordings in
 * `test/fixtures/webhooks/<kind>`, a page `docs/registries/<kind>.md`, and its line in `sources/all.ts`.
 */
export type Source = {
  /** Name for people: "Docker Hub". */
  readonly title: string;
  /** How it can prove who it is, best first. `waybill sources check` warns of others. */
  readonly auth: readonly SchemeName[];
  /** True where its hooks can be set to `application/x-www-form-urlencoded`, with the JSON in the field `payload`. */
  readonly mayBeForm?: boolean;
  /** True where a body may be an array: a batch of events. */
  readonly mayBeBatch?: boolean;
  /**
   * What a delivery says, part by part in the sender's order. Pure, and total for whatever JSON comes: fields are read by `field`
   * and `findText`, and left unchecked, for `toEvent` checks them. Cost linear in the body's size.
   */
  readonly read: (payload: Payload) => readonly Finding[];
  /** The answer to an `OPTIONS` request (CloudEvents webhooks 1.0, section 4); null refuses. Left out: the kind knows none. */
  readonly options?: (headers: Headers, settings: SourceSettings) => Handshake | null;
};

/** A delivery's body as JSON, with what stood around it. */
export type Payload = {
  /** An object, or where the kind says so the array of a batch: `JSON.parse`d, at most `depthMax` deep. */
  readonly json: JsonObject | readonly unknown[];
  readonly headers: Headers;
  readonly settings: SourceSettings;
};
