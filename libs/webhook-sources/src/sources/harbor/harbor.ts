import { field, findText } from '../../json.ts';
import type { IgnoredReason } from '../../parsed.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';
import { findRfc3339Ms, findSecondsMs } from '../../time.ts';

/** Names of the default format, of the CloudEvents format, and of Harbor 1. */
const kinds: Readonly<Record<string, Sighting['action'] | IgnoredReason>> = {
  PUSH_ARTIFACT: 'push',
  'harbor.artifact.pushed': 'push',
  pushImage: 'push',
  PULL_ARTIFACT: 'pull',
  'harbor.artifact.pulled': 'pull',
  pullImage: 'pull',
  DELETE_ARTIFACT: 'delete',
  'harbor.artifact.deleted': 'delete',
  deleteImage: 'delete',
  SCANNING_COMPLETED: 'NOT_ABOUT_IMAGES',
  SCANNING_FAILED: 'NOT_ABOUT_IMAGES',
  SCANNING_STOPPED: 'NOT_ABOUT_IMAGES',
  'harbor.scan.completed': 'NOT_ABOUT_IMAGES',
  'harbor.scan.failed': 'NOT_ABOUT_IMAGES',
  'harbor.scan.stopped': 'NOT_ABOUT_IMAGES',
  scanningCompleted: 'NOT_ABOUT_IMAGES',
  scanningFailed: 'NOT_ABOUT_IMAGES',
  QUOTA_EXCEED: 'NOT_ABOUT_IMAGES', // Looks like a push, and is one that was refused.
  QUOTA_WARNING: 'NOT_ABOUT_IMAGES',
  'harbor.quota.exceeded': 'NOT_ABOUT_IMAGES',
  'harbor.quota.warned': 'NOT_ABOUT_IMAGES',
  projectQuota: 'NOT_ABOUT_IMAGES',
  REPLICATION: 'NOT_ABOUT_IMAGES',
  'harbor.replication.status.changed': 'NOT_ABOUT_IMAGES',
  replication: 'NOT_ABOUT_IMAGES',
  TAG_RETENTION: 'NOT_ABOUT_IMAGES',
  'harbor.tag_retention.finished': 'NOT_ABOUT_IMAGES',
  // Of the store for charts beside the registry, which Harbor had until 2.8.
  UPLOAD_CHART: 'HELM_CHART',
  DOWNLOAD_CHART: 'HELM_CHART',
  DELETE_CHART: 'HELM_CHART',
  uploadChart: 'HELM_CHART',
  downloadChart: 'HELM_CHART',
  deleteChart: 'HELM_CHART',
  testEndpoint: 'PING',
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
  const kind = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (kind !== 'push' && kind !== 'pull' && kind !== 'delete') return [{ ignored: kind }];

  const data = field(body, isCloudEvent ? 'data' : 'event_data');
  const resources = field(data, 'resources');
  if (!Array.isArray(resources)) return [{ malformed: 'FIELD_MISSING' }];
  if (resources.length === 0) return [{ ignored: 'NO_EVENTS' }];
  if (resources.length > resourcesMax) return [{ malformed: 'TOO_MANY_EVENTS' }];
  const occurredAtMs = isCloudEvent ? findRfc3339Ms(field(body, 'time')) : findSecondsMs(field(body, 'occur_at'));
  return resources.map((resource: unknown) => {
    const [tag, digest] = [field(resource, 'tag'), field(resource, 'digest')];
    if (findText(tag) === null && findText(digest) === null) return { malformed: 'FIELD_MISSING' };
    const sighting: Sighting = {
      action: kind,
      // Up to the first slash: names of projects may look like hosts, and the rest may hold colons.
      registry: findText(field(resource, 'resource_url'), 1_024)?.split('/', 1)[0],
      repository: field(field(data, 'repository'), 'repo_full_name'),
      tag,
      digest,
      actor: field(body, 'operator'),
      occurredAtMs,
      deliveryId: isCloudEvent ? field(body, 'id') : undefined,
    };
    return { sighting };
  });
}

export const harbor: Source = { title: 'Harbor', auth: ['header', 'bearer', 'basic'], read };
