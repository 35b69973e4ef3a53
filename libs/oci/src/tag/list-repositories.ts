import { isRepositoryName } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { apiOrigin } from '../host/api-origin.ts';
import { pageQuery, type PageOptions } from './list-tags.ts';
import { readNames } from './read-names.ts';

/**
 * All repositories of a registry, each once: its catalog, which is no part of the OCI's specification (CNCF Distribution, HTTP API V2,
 * "Listing Repositories"). Docker Hub, GHCR and others have none.
 * @throws OciError `REGISTRY_UNSUPPORTED` where there is none; as {@link readNames}
 */
export async function listRepositories(client: RegistryClient, page: PageOptions, signal: AbortSignal): Promise<readonly string[]> {
  const { registry } = client;
  const at = new URL(`/v2/_catalog?${pageQuery(page)}`, apiOrigin(registry));
  const list = { repository: '', what: 'repositories', at, action: 'catalog', key: 'repositories', isName: isRepositoryName } as const;
  try {
    return await readNames(client, list, signal);
  } catch (error) {
    if (!(error instanceof OciError) || ![400, 404, 405, 501].includes(error.status ?? 0)) throw error;
    const message = `${registry.host} offers no catalog (${error.status}): name the repositories`;
    throw new OciError('REGISTRY_UNSUPPORTED', message, { host: registry.host, repository: '', status: error.status!, cause: error });
  }
}
