import { isTag } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';
import { readNames } from './read-names.ts';

/** Most registries give no more at once, whatever they are asked for. */
const pageSizeDefault = 1_000;

export type PageOptions = {
  /** Names per answer; a registry may give fewer. Default: 1000. */
  readonly pageSize?: number | undefined;
  /** Only names after this one, in the registry's order (the specification's `last`). */
  readonly after?: string | undefined;
  /** More pages than that are `CONTENT_TOO_LARGE`. */
  readonly pagesMax?: number | undefined;
};

export const pageQuery = ({ pageSize = pageSizeDefault, after }: PageOptions): string =>
  new URLSearchParams({ n: String(pageSize), ...(after === undefined ? {} : { last: after }) }).toString();

/**
 * All tags of a repository, each once, in the registry's order.
 * @throws OciError `CONTENT_NOT_FOUND` where there is no such repository; `CONTENT_TOO_LARGE` above 100,000; as {@link readNames}
 */
export const listTags = (
  client: RegistryClient,
  { repository, ...page }: PageOptions & { readonly repository: string },
  signal: AbortSignal,
): Promise<readonly string[]> =>
  readNames(
    client,
    {
      ...{ repository, what: 'tags', at: `tags/list?${pageQuery(page)}`, action: 'pull', key: 'tags', isName: isTag },
      pagesMax: page.pagesMax,
    },
    signal,
  );
