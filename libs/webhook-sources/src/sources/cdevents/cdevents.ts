import { readCloudEvents, type CloudEvent } from '../../cloud-event.ts';
import { grantOrigin } from '../../cloud-event-hook.ts';
import { field, findText } from '../../json.ts';
import { findingOf, type Finding, type Sighting } from '../../sighting.ts';
import type { Source } from '../../source.ts';
import { findRfc3339Ms } from '../../time.ts';
import { findImagePurl } from './purl.ts';

/** What happened to an artifact; a version of the specification follows in the type. */
const actions: Readonly<Record<string, Sighting['action'] | 'other'>> = {
  published: 'push',
  deleted: 'delete',
  downloaded: 'pull',
  packaged: 'other', // Built, and nowhere to be had yet.
  signed: 'other',
};

const purlLengthMax = 2_048;

/**
 * CDEvents in CloudEvents of any mode: `dev.cdevents.artifact.*` whose subject is the package URL of an image.
 *
 * The subject within the body counts: a header is decoded once more than the body, which a package URL does not survive unharmed.
 * Source: cdevents/spec continuous-integration.md, spec.md and cloudevents-binding.md.
 */
function readEvent(event: CloudEvent): readonly Finding[] {
  const [, subject, predicate] = /^dev\.cdevents\.([a-z]+)\.([a-z]+)\./.exec(event.type) ?? [];
  if (subject === undefined || predicate === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (subject !== 'artifact') return [{ ignored: 'NOT_AN_IMAGE' }];
  const action = Object.hasOwn(actions, predicate) ? actions[predicate] : undefined;
  if (action === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (action === 'other') return [{ ignored: 'NOT_A_PUSH' }];

  const told = field(event.data, 'subject');
  const id = findText(field(told, 'id'), purlLengthMax) ?? event.subject;
  if (id === null) return [{ malformed: 'FIELD_MISSING' }];
  const image = findImagePurl(id);
  if (image === undefined) return [{ ignored: 'NOT_AN_IMAGE' }];
  return [
    findingOf({
      action,
      ...image,
      actor: field(field(told, 'content'), 'user'),
      occurredAtMs: findRfc3339Ms(event.time) ?? findRfc3339Ms(field(field(event.data, 'context'), 'timestamp')),
      deliveryId: event.id,
      deliveryScope: event.source,
    }),
  ];
}

export const cdevents: Source = {
  title: 'CDEvents',
  auth: ['bearer', 'header', 'basic', 'url-query', 'url-path'],
  mayBeBatch: true,
  read: (payload) => readCloudEvents(payload, readEvent),
  options: (headers, settings) => grantOrigin(headers, settings, []),
};
