import { field, findText, isObject } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding } from '../../sighting.ts';
import { findSecondsMs } from '../../time.ts';

/**
 * Docker Hub: one tag push per delivery, `{ push_data, repository }`, without digest, id or signature. One multi-arch push has been
 * seen to come six times; the second of `pushed_at` makes them one event.
 *
 * `push_data.images` are ids of Docker's first image format, never digests. `callback_url` is not read: calling it would let a
 * sender choose where we connect.
 * Source: docs.docker.com, "Docker Hub webhooks"; docker/hub-feedback #41 and #2148.
 */
function read({ json: body }: Payload): readonly Finding[] {
  const push = field(body, 'push_data');
  const repository = field(body, 'repository');
  // Alibaba's payload has the same two parts, and other names in the second.
  const isOther = field(repository, 'repo_full_name') !== undefined || field(repository, 'region') !== undefined;
  if (!isObject(push) || !isObject(repository) || isOther) return [{ malformed: 'EVENT_UNKNOWN' }];
  // What Docker Hub calls the media type is the config's, not the manifest's.
  const configMediaType = field(push, 'media_type');
  return [
    {
      sighting: {
        action: 'push',
        registry: 'docker.io',
        repository: findText(field(repository, 'repo_name')) ?? joined(field(repository, 'namespace'), field(repository, 'name')),
        tag: field(push, 'tag'),
        digest: undefined,
        configMediaType,
        actor: field(push, 'pusher'),
        occurredAtMs: findSecondsMs(field(push, 'pushed_at')),
      },
    },
  ];
}

const joined = (namespace: unknown, name: unknown): string | undefined =>
  typeof namespace === 'string' && typeof name === 'string' ? `${namespace}/${name}` : undefined;

export const dockerhub: Source = { title: 'Docker Hub', auth: ['url-path', 'url-query'], read };
