import { isCloudEvents, readCloudEvents, type CloudEvent } from '../../cloud-event.ts';
import { field, findText, parseJson } from '../../json.ts';
import { findingOf, type Finding, type Sighting } from '../../sighting.ts';
import type { Payload, Source } from '../../source.ts';
import { findRfc3339Ms } from '../../time.ts';
import { readImageEvent } from '../cloudevents/cloudevents.ts';
import { findEcrHost } from './ecr-host.ts';

/** Kinds of events by `detail-type`. Scans and the like, and images that come by replication or from a cache. */
const otherKinds: ReadonlySet<unknown> = new Set([
  'ECR Image Scan',
  'ECR Scan Resource Change',
  'ECR Replication Action', // Its region is the destination's.
  'ECR Pull Through Cache Action',
  'ECR Referrer Action',
]);
const actions: Readonly<Record<string, Sighting['action'] | 'other'>> = { PUSH: 'push', DELETE: 'delete', UPDATE_STORAGE_CLASS: 'other' };

/** Longer than any `SubscribeURL`: it holds a topic and a token of some 250 characters. */
const urlLengthMax = 2_048;

/**
 * AWS Elastic Container Registry: an event of EventBridge, by an API destination as it is, or by SNS, in its envelope as text or raw.
 *
 * EventBridge's id names the delivery: it is the same over retries and over both ways. SNS's own is kept beside it.
 * An input transformer can make a CloudEvent of it, as other receivers want it (`com.amazon.ecr.image.push`): that is read as such.
 * A push that comes by several tags is several events. A deletion names the tag as well as the digest, and does not say whether the
 * image is gone or a tag of it.
 * Source: docs.aws.amazon.com, "Amazon ECR events and EventBridge"; Amazon SNS, "HTTP/HTTPS notification JSON format".
 */
function read(payload: Payload): readonly Finding[] {
  if (isCloudEvents(payload)) return readCloudEvents(payload, readTransformed);
  const { json, headers } = payload;
  switch (field(json, 'Type')) {
    case 'SubscriptionConfirmation': {
      const url = findText(field(json, 'SubscribeURL'), urlLengthMax);
      return [url === null ? { malformed: 'FIELD_MISSING' } : { handshake: { kind: 'confirm', url } }];
    }
    case 'UnsubscribeConfirmation': // Its SubscribeURL would subscribe again, against the will of whoever ended it.
      return [{ ignored: 'NOT_ABOUT_IMAGES' }];
    case 'Notification': {
      const message = field(json, 'Message');
      const inner = parseJson(Buffer.from(typeof message === 'string' ? message : ''));
      return [inner.ok ? readEvent(inner.value, field(json, 'MessageId')) : { malformed: inner.reason }];
    }
    default:
      return [readEvent(json, headers['x-amz-sns-message-id'])];
  }
}

const readTransformed = (event: CloudEvent): readonly Finding[] =>
  event.type.startsWith('com.amazon.ecr.') ? readImageEvent(event) : [{ malformed: 'EVENT_UNKNOWN' }];

function readEvent(event: unknown, messageId: unknown): Finding {
  const kind = field(event, 'detail-type');
  if (otherKinds.has(kind)) return { ignored: 'NOT_ABOUT_IMAGES' };
  const detail = field(event, 'detail');
  const actionType = field(detail, 'action-type');
  const action = typeof actionType === 'string' && Object.hasOwn(actions, actionType) ? actions[actionType] : undefined;
  if (kind !== 'ECR Image Action' || action === undefined) return { malformed: 'EVENT_UNKNOWN' };
  if (action === 'other') return { ignored: 'NOT_ABOUT_IMAGES' };
  if (field(detail, 'result') === 'FAILURE') return { ignored: 'NOT_A_PUSH' };
  return findingOf({
    action,
    registry: findEcrHost(field(event, 'account'), field(event, 'region')),
    repository: field(detail, 'repository-name'),
    tag: field(detail, 'image-tag'),
    digest: field(detail, 'image-digest'),
    mediaType: field(detail, 'manifest-media-type'),
    configMediaType: field(detail, 'artifact-media-type'), // Of the config, whatever its name.
    actor: undefined,
    occurredAtMs: findRfc3339Ms(field(event, 'time')),
    deliveryId: field(event, 'id'),
    transportDeliveryId: messageId,
  });
}

export const ecr: Source = {
  title: 'AWS ECR',
  auth: ['sns', 'header', 'basic', 'bearer', 'url-path', 'url-query'],
  read,
};
