import { parseJson, readBounded } from '../blob/body.ts';
import { asOciError, type RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { readPages } from '../host/pages.ts';

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
 * Reads a list of names page by page.
 * @returns each name once, in the registry's order
 * @throws OciError `REGISTRY_PROTOCOL` for pages that are none; `CONTENT_TOO_LARGE` above {@link namesMax}; as {@link readPages}
 */
export async function readNames(client: RegistryClient, list: NameList, signal: AbortSignal): Promise<readonly string[]> {
  const { repository, what, at, action, pagesMax = pagesMaxDefault } = list;
  const request = { repository, what, at, action, signal };
  const where = { host: client.registry.host, repository };
  const found = new Set<string>();
  try {
    for await (const { body } of readPages(client, { ...request, pagesMax, expects: [200] })) {
      const bytes = await readBounded(body, pageBytesMax, what, where);
      for (const name of namesOf(bytes, list, where)) found.add(name);
      if (found.size > namesMax) throw new OciError('CONTENT_TOO_LARGE', `${where.host} has more than ${namesMax} ${what}`, where);
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
