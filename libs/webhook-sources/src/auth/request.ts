/** What of a request can prove something. */
export type AuthRequest = {
  /** Names and values in turn, as on the wire: Node drops the second `Authorization`, and joins others. */
  readonly rawHeaders: readonly string[];
  /** Path and query as on the request line. */
  readonly url: string;
  /** As received; empty for schemes that do not need it. */
  readonly body: Buffer;
  /** Null where there is none, or no client CA has issued it. */
  readonly clientCertificate: ClientCertificate | null;
};
export type ClientCertificate = { readonly subjectAltNames: readonly string[]; readonly commonName: string | null };

/** @returns the header's one value; `undefined` where it is missing or empty, `null` where it was sent more than once */
export function findHeader({ rawHeaders }: AuthRequest, name: string): string | undefined | null {
  let found: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.length !== name.length || rawHeaders[at]!.toLowerCase() !== name) continue;
    if (found !== undefined) return null;
    found = rawHeaders[at + 1]!;
  }
  return found === '' ? undefined : found;
}

export const parseUrl = (url: string): URL | null => URL.parse(url, 'http://gateway.invalid');
