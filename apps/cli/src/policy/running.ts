import { isDigest, isRegistryHost, isRepositoryName, isTag, tagKey } from '@waybill/domain';
import { readInput } from '../input.ts';
import { CliError, exitCodes } from '../exit.ts';
import { cut, printable } from '../output/text.ts';

/** What runs, as somebody has listed it. */
export type Running = {
  readonly digests: ReadonlySet<string>;
  /** As `tagKey` makes them. */
  readonly tags: ReadonlySet<string>;
};

/**
 * Reads a list of what runs: one image per line, as `docker ps` and Kubernetes give it. A line that is no image is refused, because what it
 * means could be deleted.
 * @throws CliError 2 with the line, or where the file cannot be read
 */
export const readRunning = async (path: string): Promise<Running> => parseRunning((await readInput(path)).toString('utf8'), path);

/** @param path for messages */
export function parseRunning(text: string, path: string): Running {
  const digests = new Set<string>();
  const tags = new Set<string>();
  for (const [index, written] of text.split('\n').entries()) {
    const line = written.trim();
    if (line === '' || line.startsWith('#')) continue;
    const image = findImage(line);
    if (image === undefined) {
      const what = `${path}:${index + 1} is no image: ${printable(cut(line, 100))}`;
      throw new CliError(
        exitCodes.usage,
        what,
        'Write one image per line: registry/repository:tag, registry/repository@sha256:…, or a digest.',
      );
    }
    if (image.digest !== undefined) digests.add(image.digest);
    else tags.add(tagKey(image, image.tag));
  }
  return { digests, tags };
}

type Found =
  | { readonly digest: string }
  | { readonly digest?: undefined; readonly registry: string; readonly repository: string; readonly tag: string };

/** A name without a host is one of Docker Hub, as for Docker itself. */
function findImage(line: string): Found | undefined {
  const name = line.replace(/^[a-z-]+:\/\//, ''); // Kubernetes: docker-pullable://…
  const digest = /(?:^|@)([a-z0-9]+:[0-9a-f]+)$/.exec(name)?.[1];
  if (digest !== undefined && isDigest(digest)) return { digest };
  const [, host, path = '', tag = 'latest'] = /^(?:([^/]*[.:][^/]*|localhost)\/)?([^:@]+)(?::([^/:@]+))?$/.exec(name) ?? [];
  const registry = host ?? 'docker.io';
  const repository = host === undefined && !path.includes('/') ? `library/${path}` : path;
  return isRegistryHost(registry) && isRepositoryName(repository) && isTag(tag) ? { registry, repository, tag } : undefined;
}
