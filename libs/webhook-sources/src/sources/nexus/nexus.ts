import { field, findText, isObject } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';
import { findRfc3339Ms } from '../../time.ts';

/** A tag that is pushed again is an update. */
const actions: Readonly<Record<string, Sighting['action']>> = { CREATED: 'push', UPDATED: 'push', DELETED: 'delete', PURGED: 'delete' };

/** `v2/<name>/manifests/<tag or digest>`; with a slash before it since the database is no longer OrientDB. */
const manifestPath = /^\/?v2\/(.+)\/manifests\/([^/]+)$/;

/**
 * Sonatype Nexus Repository 3: components (a tag each) and assets (a file each: manifests by tag and by digest, blobs).
 *
 * A hook that is subscribed to both reports a push of a tag twice, under two delivery ids. Both become events: an asset alone tells of
 * children of an index and of images without a tag, a component alone may be all that is subscribed to, and a second report of the
 * same tag changes nothing downstream. The host is never told, and `repositoryName` is Nexus' own: no part of an image's name.
 * Source: nexus-public RepositoryComponentWebhook, RepositoryAssetWebhook, WebhookServiceImpl; help.sonatype.com, "Webhooks".
 */
function read({ json: body, headers }: Payload): readonly Finding[] {
  const component = field(body, 'component');
  const asset = field(body, 'asset');
  const part = isObject(component) ? component : asset;
  if (!isObject(part)) {
    const isGlobal = isObject(field(body, 'audit')) || isObject(field(body, 'repository'));
    return [isGlobal ? { ignored: 'NOT_ABOUT_IMAGES' } : { malformed: 'EVENT_UNKNOWN' }];
  }
  if (field(part, 'format') !== 'docker') return [{ ignored: 'NOT_AN_IMAGE' }];
  const written = field(body, 'action');
  const action = typeof written === 'string' && Object.hasOwn(actions, written) ? actions[written] : undefined;
  if (action === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  const image = isObject(component) ? { repository: field(component, 'name'), reference: field(component, 'version') } : findImage(asset);
  if (image === undefined) return [{ ignored: 'BLOB' }];
  const reference = findText(image.reference);
  if (reference === null) return [{ malformed: 'FIELD_MISSING' }];
  return [
    {
      sighting: {
        action,
        registry: undefined,
        repository: image.repository,
        tag: reference,
        digest: reference.includes(':') ? reference : undefined,
        actor: findText(field(body, 'initiator'))?.split('/', 1)[0],
        occurredAtMs: findOffsetTimeMs(field(body, 'timestamp')),
        deliveryId: headers['x-nexus-webhook-delivery'],
      },
    },
  ];
}

/** Undefined for layers, configs, lists of tags and whatever else is no manifest. */
function findImage(asset: unknown): { readonly repository: string; readonly reference: string } | undefined {
  const name = findText(field(asset, 'name'), 1_024) ?? '';
  const [, repository, reference] = manifestPath.exec(name) ?? [];
  return repository === undefined || reference === undefined ? undefined : { repository, reference };
}

/** `2024-08-06T12:00:00.664+0000`: all that RFC 3339 wants is the colon. */
const findOffsetTimeMs = (value: unknown): number | null =>
  typeof value === 'string' && value.length <= 64 ? findRfc3339Ms(value.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')) : null;

export const nexus: Source = { title: 'Sonatype Nexus', auth: ['hmac-sha1'], read };
