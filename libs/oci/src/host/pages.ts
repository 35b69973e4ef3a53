import type { RegistryClient, RegistryRequest, RegistryResponse } from './client.ts';
import { OciError } from './errors.ts';

export type PagedRequest = Omit<RegistryRequest, 'method' | 'body'> & {
  /** More are `CONTENT_TOO_LARGE`. */
  readonly pagesMax: number;
};

/**
 * The pages of a list, one after the other, as far as `Link` leads (OCI distribution spec 1.1, "Listing Tags" and "Listing Referrers";
 * RFC 8288).
 * The body of each is to be read or destroyed before the next is asked for.
 * @throws OciError `REGISTRY_PROTOCOL` for pages that lead in a circle; `REDIRECT_REFUSED` for one on another host; `CONTENT_TOO_LARGE`
 *   above `pagesMax`
 */
export async function* readPages(client: RegistryClient, { pagesMax, ...request }: PagedRequest): AsyncGenerator<RegistryResponse, void> {
  const { what, repository } = request;
  const { host } = client.registry;
  const asked = new Set<string>();
  for (let at: string | URL | undefined = request.at; at !== undefined;) {
    if (asked.size >= pagesMax)
      throw new OciError('CONTENT_TOO_LARGE', `${host} has more than ${pagesMax} pages of ${what}`, { host, repository });
    const response: RegistryResponse = await client.send({ ...request, method: 'GET', at });
    asked.add(response.url.href);
    yield response;
    const next = findNextPage(response, what, { host, repository });
    if (next !== undefined && asked.has(next.href)) {
      const message = `${host} lists ${what} in a circle: a page names one before it as the next`;
      throw new OciError('REGISTRY_PROTOCOL', message, { host, repository });
    }
    at = next;
  }
}

/** The next page lies where this one lay: no other host gets to see what we ask, or our credentials. */
function findNextPage(
  { headers, url }: RegistryResponse,
  what: string,
  where: { readonly host: string; readonly repository: string },
): URL | undefined {
  const links = [headers['link'] ?? []].flat();
  const link = links
    .map((header) => /<([^<>]*)>\s*;(?:[^,<]*;)?\s*rel\s*=\s*"?next\b/i.exec(header)?.[1])
    .find((found) => found !== undefined);
  if (link === undefined) return undefined;
  const next = URL.canParse(link, url) ? new URL(link, url) : undefined;
  if (next?.origin === url.origin) return next;
  const message = `${where.host} names a next page of ${what} on another host, or none: correct its external URL`;
  throw new OciError('REDIRECT_REFUSED', message, where);
}
