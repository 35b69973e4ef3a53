/** A reference to an image, taken apart and otherwise as written. */
export type Reference = {
  /** Empty where the reference has no slash. */
  readonly host: string;
  readonly path: string;
  readonly tag: string | null;
  readonly digest: string | null;
};

/**
 * `host/path[:tag][@digest]`, for senders whose references always name the host: what stands before the first slash. Total.
 * A tag begins behind the last slash: a host may have a port, and a project a colon.
 */
export function splitReference(text: string): Reference {
  const at = text.indexOf('@');
  const name = at < 0 ? text : text.slice(0, at);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  const slash = name.indexOf('/');
  return {
    host: slash < 0 ? '' : name.slice(0, slash),
    path: name.slice(slash + 1, colon < 0 ? undefined : colon),
    tag: colon < 0 ? null : name.slice(colon + 1),
    digest: at < 0 ? null : text.slice(at + 1),
  };
}
