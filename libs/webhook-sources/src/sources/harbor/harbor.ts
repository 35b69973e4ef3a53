import { field, findText } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';
import { findRfc3339Ms, findSecondsMs } from '../../time.ts';

/** Names of the default format, of the CloudEvents format, and of Harbor 1. */
const actions: Readonly<Record<string, Sighting['action'] | 'other'>> = {
  PUSH_ARTIFACT: 'push',
  'harbor.artifact.pushed': 'push',
  pushImage: 'push',
  PULL_ARTIFACT: 'pull',
  'harbor.artifact.pulled': 'pull',
  pullImage: 'pull',
  DELETE_ARTIFACT: 'delete',
  'harbor.artifact.deleted': 'delete',
  deleteImage: 'delete',
  SCANNING_COMPLETED: 'other',
  SCANNING_FAILED: 'other',
  SCANNING_STOPPED: 'other',
  'harbor.scan.completed': 'other',
  'harbor.scan.failed': 'other',
  'harbor.scan.stopped': 'other',
  QUOTA_EXCEED: 'other', // Looks like a push, and is one that was refused.
  QUOTA_WARNING: 'other',
  'harbor.quota.exceeded': 'other',
  'harbor.quota.warned': 'other',
  REPLICATION: 'other',
  'harbor.replication.status.changed': 'other',
  TAG_RETENTION: 'other',
  'harbor.tag_retention.finished': 'other',
};

/** More than any artifact has; Harbor itself sends one. */
const resourcesMax = 1_000;

/**
 * Harbor 2: the default format `{ type, occur_at, operator, event_data }` and the structured CloudEvents one; a policy can be
 * switched between them at any time, so the body decides and not the configuration.
 *
 * One sighting per entry of `resources`. Harbor fires for every manifest, so children of an index, signatures and fills of a proxy
 * cache come as pushes too. Only the CloudEvents format has an id that stays the same over retries.
 * Source: harbor src/pkg/notifier/{model,formats} and docs, "Configure Webhook Notifications".
 */
function read({ json: body }: Payload): readonly Finding[] {
  const isCloudEvent = field(body, 'specversion') !== undefined;
  const type = field(body, 'type');
  const action = typeof type === 'string' && Object.hasOwn(actions, type) ? actions[type] : undefined;
  if (action === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (action === 'other') return [{ ignored: 'NOT_ABOUT_IMAGES' }];

  const data = field(body, isCloudEvent ? 'data' : 'event_data');
  const resources = field(data, 'resources');
  if (!Array.isArray(resources)) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (resources.length === 0) return [{ ignored: 'NO_EVENTS' }];
  if (resources.length > resourcesMax) return [{ malformed: 'TOO_MANY_EVENTS' }];
  const occurredAtMs = isCloudEvent ? findRfc3339Ms(field(body, 'time')) : findSecondsMs(field(body, 'occur_at'));
  return resources.map((resource: unknown) => ({
    sighting: {
      action,
      // Up to the first slash: names of projects may look like hosts, and the rest may hold colons.
      registry: findText(field(resource, 'resource_url'), 1_024)?.split('/', 1)[0],
      repository: field(field(data, 'repository'), 'repo_full_name'),
      tag: field(resource, 'tag'),
      digest: field(resource, 'digest'),
      actor: field(body, 'operator'),
      occurredAtMs,
      deliveryId: isCloudEvent ? field(body, 'id') : undefined,
    },
  }));
}

export const harbor: Source = { title: 'Harbor', auth: ['header', 'bearer', 'basic'], read };
