import { field, findText, isObject, parseJson } from '../../json.ts';
import type { Headers } from '../../parsed.ts';
import { splitReference } from '../../reference.ts';
import { findingOf, type Finding, type Sighting } from '../../sighting.ts';
import type { Payload, Source } from '../../source.ts';
import { findRfc3339Ms } from '../../time.ts';

const actions: Readonly<Record<string, Sighting['action']>> = { INSERT: 'push', DELETE: 'delete' };

/** Host, path, tag and digest of an image together are shorter. */
const referenceLengthMax = 1_024;

/**
 * Google Artifact Registry (and gcr.io) by a push subscription of Pub/Sub to the topic `gcr`, wrapped in Pub/Sub's message or unwrapped
 * with its metadata as headers. A new tagged image is told twice: without its tag, and with it.
 * Source: cloud.google.com, "Configure Pub/Sub notifications" of Artifact Registry; Pub/Sub, "Push subscriptions", "Payload unwrapping".
 */
function read({ json, headers }: Payload): readonly Finding[] {
  const message = field(json, 'message');
  if (!isObject(message)) return [readNotice(json, unwrapped(headers))];
  const data = field(message, 'data');
  if (typeof data !== 'string' || data === '') return [{ malformed: 'FIELD_MISSING' }]; // Of attributes alone.
  const notice = parseJson(Buffer.from(data, 'base64'));
  // Pub/Sub writes both names, and other programs that imitate it one of them.
  const id = field(message, 'messageId') ?? field(message, 'message_id');
  const time = field(message, 'publishTime') ?? field(message, 'publish_time');
  return [notice.ok ? readNotice(notice.value, { id, time }) : { malformed: notice.reason }];
}

type Published = { readonly id: unknown; readonly time: unknown };

/** Told only where the subscription writes metadata. */
const unwrapped = (headers: Headers): Published => ({
  id: headers['x-goog-pubsub-message-id'],
  time: headers['x-goog-pubsub-publish-time'],
});

function readNotice(notice: unknown, { id, time }: Published): Finding {
  const name = field(notice, 'action');
  const action = typeof name === 'string' && Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) return { malformed: 'EVENT_UNKNOWN' };
  const byDigest = findReference(field(notice, 'digest'));
  const byTag = findReference(field(notice, 'tag'));
  const either = byDigest ?? byTag;
  if (either === undefined) return { malformed: 'FIELD_MISSING' };
  // They are of one image; what speaks of two says nothing of either.
  if (byTag !== undefined && (byTag.host !== either.host || byTag.path !== either.path)) return { malformed: 'REPOSITORY_INVALID' };
  return findingOf({
    action,
    registry: either.host,
    repository: either.path,
    tag: byTag?.tag,
    digest: either.digest,
    actor: undefined,
    occurredAtMs: findRfc3339Ms(time),
    deliveryId: id,
  });
}

function findReference(value: unknown): ReturnType<typeof splitReference> | undefined {
  const text = findText(value, referenceLengthMax);
  return text === null ? undefined : splitReference(text);
}

export const gar: Source = {
  title: 'Google Artifact Registry',
  auth: ['oidc', 'url-query', 'url-path'],
  read,
};
