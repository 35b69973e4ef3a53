import { field, findText, isObject } from '../../json.ts';
import { findingOf, type Finding } from '../../sighting.ts';
import type { Payload, Source } from '../../source.ts';
import { findRfc3339Ms } from '../../time.ts';

/**
 * Alibaba Cloud Container Registry: one push per delivery, `{ push_data, repository }`, in the manner of Docker Hub and with a digest.
 *
 * The host follows from the region for public instances only; the payload does not name an Enterprise instance. `pushed_at` has no zone:
 * it tells one push from the next and is no time. Names may have capitals, for they do there.
 * Source: alibabacloud.com, "Container Registry: Manage webhooks".
 */
function read({ json }: Payload): readonly Finding[] {
  const push = field(json, 'push_data');
  const repository = field(json, 'repository');
  if (!isObject(push) || !isObject(repository)) return [{ malformed: 'EVENT_UNKNOWN' }];
  const pushedAt = field(push, 'pushed_at');
  return [
    findingOf({
      action: 'push',
      registry: findHost(field(repository, 'region')),
      repository: findText(field(repository, 'repo_full_name'), 1_024) ?? joined(field(repository, 'namespace'), field(repository, 'name')),
      isUpperCaseKept: true,
      tag: field(push, 'tag'),
      digest: field(push, 'digest'),
      actor: undefined,
      occurredAtMs: findRfc3339Ms(pushedAt),
      rawOccurredAt: pushedAt,
    }),
  ];
}

const findHost = (region: unknown): string | undefined =>
  typeof region === 'string' && /^[a-z0-9-]{1,64}$/.test(region) ? `registry.${region}.aliyuncs.com` : undefined;

const joined = (namespace: unknown, name: unknown): string | undefined =>
  typeof namespace === 'string' && typeof name === 'string' ? `${namespace}/${name}` : undefined;

export const aliyun: Source = { title: 'Alibaba Cloud ACR', auth: ['url-path', 'url-query'], read };
