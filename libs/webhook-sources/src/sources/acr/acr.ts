import { isCloudEvents, readCloudEvents } from '../../cloud-event.ts';
import { grantOrigin } from '../../cloud-event-hook.ts';
import { field, findText, isObject } from '../../json.ts';
import { findingOf, type Finding, type Sighting } from '../../sighting.ts';
import type { Payload, Source } from '../../source.ts';
import { findRfc3339Ms } from '../../time.ts';

/** What the registry itself sends by a webhook, and Event Grid by its own names. */
const actions: Readonly<Record<string, Sighting['action'] | Finding>> = {
  push: 'push',
  ImagePushed: 'push',
  delete: 'delete', // Of a manifest or a repository; untagging raises nothing.
  ImageDeleted: 'delete',
  quarantine: { ignored: 'NOT_A_PUSH' }, // The image is held back; its push is told once it is released.
  chart_push: { ignored: 'HELM_CHART' },
  chart_delete: { ignored: 'HELM_CHART' },
  ChartPushed: { ignored: 'HELM_CHART' },
  ChartDeleted: { ignored: 'HELM_CHART' },
  ping: { ignored: 'PING' },
  'Microsoft.EventGrid.SubscriptionDeletedEvent': { ignored: 'NOT_ABOUT_IMAGES' },
};

/** Event Grid's largest batch. */
const eventsMax = 5_000;

/**
 * Azure Container Registry by its own webhooks `{ id, timestamp, action, target, request }`, and by Event Grid, which wraps the same in
 * an array of events of its own schema or of CloudEvents. All three come to the same kind, for an operator may change the schema of a
 * subscription at any time.
 *
 * With Event Grid the wrapper's id counts: it stays over retries, and the inner one is another. The inner time counts: it is when the
 * registry took the image.
 * Source: learn.microsoft.com, "Azure Container Registry webhook reference", "Event Grid: Container Registry" and "Webhook event delivery".
 */
function read(payload: Payload): readonly Finding[] {
  const { json } = payload;
  if (isCloudEvents(payload)) return readCloudEvents(payload, ({ id, type, time, data }) => [readEvent(type, { id, time, data })]);
  if (!Array.isArray(json)) return [readPart(json)];
  if (json.length > eventsMax) return [{ malformed: 'TOO_MANY_EVENTS' }];
  const [first] = json as readonly unknown[];
  // Always alone. Among others it would take their answer, and they would be lost.
  if (json.length === 1 && field(first, 'eventType') === 'Microsoft.EventGrid.SubscriptionValidationEvent') return [answerTo(first)];
  return json.map(readPart);
}

/** The subscription is confirmed by the code. `validationUrl` is not followed: it would let a stranger choose where we connect. */
function answerTo(event: unknown): Finding {
  const code = findText(field(field(event, 'data'), 'validationCode'));
  if (code === null) return { malformed: 'FIELD_MISSING' };
  return { handshake: { kind: 'answer', status: 200, headers: {}, body: { validationResponse: code } } };
}

function readPart(part: unknown): Finding {
  if (!isObject(part)) return { malformed: 'EVENT_NOT_AN_OBJECT' };
  const type = field(part, 'eventType');
  if (type !== undefined) return readEvent(type, { id: field(part, 'id'), time: field(part, 'eventTime'), data: field(part, 'data') });
  return readEvent(field(part, 'action'), { id: field(part, 'id'), time: undefined, data: part });
}

/** @param envelope What stands around the registry's own words: `time` is used where they have none that can be read */
function readEvent(type: unknown, envelope: { readonly id: unknown; readonly time: unknown; readonly data: unknown }): Finding {
  // The documentation's samples leave the prefix out, its table and real events do not.
  const name = typeof type === 'string' ? type.replace(/^Microsoft\.ContainerRegistry\./, '') : '';
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) return { malformed: 'EVENT_UNKNOWN' };
  if (typeof action !== 'string') return action;
  const { id, time, data } = envelope;
  const target = field(data, 'target');
  return findingOf({
    action,
    registry: field(field(data, 'request'), 'host'),
    repository: field(target, 'repository'),
    tag: field(target, 'tag'),
    digest: field(target, 'digest'),
    mediaType: field(target, 'mediaType'),
    sizeBytes: field(target, 'size') ?? field(target, 'length'),
    actor: field(field(data, 'actor'), 'name'),
    occurredAtMs: findRfc3339Ms(field(data, 'timestamp')) ?? findRfc3339Ms(time),
    deliveryId: id,
  });
}

export const acr: Source = {
  title: 'Azure Container Registry',
  auth: ['oidc', 'header', 'basic', 'bearer', 'url-query', 'url-path'],
  mayBeBatch: true,
  read,
  options: (headers, settings) => grantOrigin(headers, settings, ['eventgrid.azure.net']),
};
