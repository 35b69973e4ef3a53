/** What came back with a status of 200. */
export type Fetched = { readonly body: Buffer; readonly cacheControl: string | null };
export type Fetch = (url: string) => Promise<Fetched>;

/** A certificate has 2 KiB, a set of keys 5 KiB. */
const bytesMax = 262_144;
const timeoutMs = 5_000;

/**
 * A small thing by GET: no redirects, since whoever is asked must not choose whom we ask; bounded in time and bytes.
 * @throws Error without the URL's query, which may hold a token
 */
export async function fetchBounded(url: string): Promise<Fetched> {
  const { origin, pathname } = new URL(url);
  const fail = (what: string, cause?: unknown): Error => new Error(`${origin}${pathname} ${what}`, cause === undefined ? {} : { cause });
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  } catch {
    throw fail('does not answer, or redirects'); // The cause quotes the URL.
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    throw fail(`answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > bytesMax) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw fail('does not come in whole', cause);
  }
  if (bytes > bytesMax) throw fail(`has more than ${bytesMax} bytes`);
  return { body: Buffer.concat(chunks), cacheControl: response.headers.get('cache-control') };
}
