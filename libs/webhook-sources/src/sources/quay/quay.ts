import { field, findText, isObject } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding } from '../../sighting.ts';

/** Quay names the kind of a notification nowhere: it is told by the keys that no other kind has. */
const otherKinds = ['vulnerability', 'vulnerabilities', 'vulnerable_index_report_created', 'expiring_in', 'message'] as const;

/** As are the notifications of quotas. */
const isAboutNamespace = (body: unknown): boolean => field(body, 'namespace') !== undefined && field(body, 'repository') === undefined;

/**
 * Quay: the tags of a push, without digest, time, actor or id. What is pushed by digest alone is not reported.
 *
 * Retries come 30 s apart, with the same bytes. A successful build is reported beside the pushes of its tags, and adds nothing: what
 * it calls `image_id` is the digest of a config. The button "Test Notification" sends a push of `latest` and `foo`, which
 * may not exist.
 * Source: quay notifications/{notificationevent,notificationmethod}.py and quay-docs, "Repository events".
 */
function read({ json: body }: Payload): readonly Finding[] {
  const updated = field(body, 'updated_tags');
  if (updated !== undefined) return [readPush(body, updated)];
  if (field(body, 'build_id') !== undefined) {
    const isSuccess = field(body, 'manifest_digests') !== undefined || field(body, 'image_id') !== undefined;
    return [{ ignored: isSuccess ? 'REPEATED_BY_SENDER' : 'NOT_A_PUSH' }];
  }
  if (otherKinds.some((key) => field(body, key) !== undefined) || isAboutNamespace(body)) return [{ ignored: 'NOT_ABOUT_IMAGES' }];
  return [{ malformed: 'EVENT_UNKNOWN' }];
}

function readPush(body: unknown, updated: unknown): Finding {
  // In 2013 an object by tag. Its values are ids of Docker's first image format, never digests.
  const tags = isObject(updated) ? Object.keys(updated) : updated;
  if (!Array.isArray(tags)) return { malformed: 'FIELD_MISSING' };
  if (tags.length === 0) return { ignored: 'NO_EVENTS' };
  // The other names disagree with this one in the documentation's own sample.
  const [, registry, repository] = /^(?:https?:\/\/)?([^/]+)\/(.+)$/.exec(findText(field(body, 'docker_url'), 1_024) ?? '') ?? [];
  return {
    sighting: {
      action: 'push',
      registry,
      repository: repository ?? field(body, 'repository'),
      tag: tags,
      digest: undefined,
      actor: undefined,
      occurredAtMs: null,
    },
  };
}

export const quay: Source = { title: 'Quay', auth: ['url-path', 'url-query', 'mtls'], read };
