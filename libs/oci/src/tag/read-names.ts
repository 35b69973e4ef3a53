import { parseJson, readBounded } from '../blob/body.ts';
import { asOciError, type RegistryClient, type RegistryResponse } from '../host/client.ts';
import { OciError } from '../host/errors.ts';

/** What a list may hold at most; more is beyond what anybody means by "all". */
export const namesMax = 100_000;
const pagesMaxDefault = 5_000;
const pageBytesMax = 16 * 1_024 * 1_024;

export type NameList = {
  readonly repository: string;
  /** For messages: `tags`. */
  readonly what: string;
  readonly at: string | URL;
  readonly action: 'pull' | 'catalog';
  /** Key of the array of names in the answer, as `tags`. */
  readonly key: string;
  readonly isName: (text: string) => boolean;
  /** More pages are `CONTENT_TOO_LARGE`. Default: 5000. */
  readonly pagesMax?: number | undefined;
};

/**
 * Reads a list of names page by page, as far as `Link` leads (OCI distribution spec 1.1, "Listing Tags"; RFC 8288).
 * @returns each name once, in the registry's order
 * @throws OciError `REGISTRY_PROTOCOL` for pages that lead in a circle, or are none; `REDIRECT_REFUSED` for one on another host;
 *   `CONTENT_TOO_LARGE` above {@link namesMax}
 */
export async function readNames(client: RegistryClient, list: NameList, signal: AbortSignal): Promise<readonly string[]> {
  const { repository, what, action, pagesMax = pagesMaxDefault } = list;
  const request = { repository, what, action, signal };
  const where = { host: client.registry.host, repository };
  const found = new Set<string>();
  const asked = new Set<string>();
  let at: string | URL | undefined = list.at;
  try {
    while (at !== undefined) {
      const response: RegistryResponse = await client.send({ ...request, method: 'GET', at, expects: [200] });
      asked.add(response.url.href);
      const bytes = await readBounded(response.body, pageBytesMax, what, where);
      for (const name of namesOf(bytes, list, where)) found.add(name);
      if (found.size > namesMax || asked.size > pagesMax)
        throw new OciError('CONTENT_TOO_LARGE', `${where.host} has more than ${namesMax} ${what}, or ${pagesMax} pages of them`, where);
      at = findNextPage(response, what, where);
      if (at !== undefined && asked.has(at.href))
        throw new OciError('REGISTRY_PROTOCOL', `${where.host} lists ${what} in a circle: a page names one before it as the next`, where);
    }
  } catch (error) {
    throw asOciError(error, request, client.registry);
  }
  return [...found];
}

type Where = { readonly host: string; readonly repository: string };

function namesOf(bytes: Buffer, { key, what, isName }: NameList, where: Where): readonly string[] {
  const names = (parseJson(bytes) as Readonly<Record<string, unknown>> | null | undefined)?.[key];
  // Go writes an empty list as null.
  if (names === null) return [];
  if (Array.isArray(names) && names.every((name) => typeof name === 'string' && isName(name))) return names as string[];
  throw new OciError('REGISTRY_PROTOCOL', `${where.host} answered with a list of ${what} that is none, or has a name that is none`, where);
}

/** The next page lies where this one lay: no other host gets to see what we ask, or our credentials. */
function findNextPage({ headers, url }: RegistryResponse, what: string, where: Where): URL | undefined {
  const links = [headers['link'] ?? []].flat();
  const link = links
    .map((header) => /<([^<>]*)>\s*;(?:[^,<]*;)?\s*rel\s*=\s*"?next\b/i.exec(header)?.[1])
    .find((found) => found !== undefined);
  if (link === undefined) return undefined;
  const next = URL.canParse(link, url) ? new URL(link, url) : undefined;
  if (next?.origin === url.origin) return next;
  throw new OciError(
    'REDIRECT_REFUSED',
    `${where.host} names a next page of ${what} on another host, or none: correct its external URL`,
    where,
  );
}
