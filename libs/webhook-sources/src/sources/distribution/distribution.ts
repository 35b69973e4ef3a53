import { field, isObject, type JsonObject } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';
import { findRfc3339Ms } from '../../time.ts';

/** Media types of manifests and indexes: OCI image spec 1.1, "Media Types", and the Docker ones that registries still hold. */
const manifestTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]);

/** Only a broken or hostile sender batches more: the registry's own sink posts one event per envelope. */
const eventsMax = 1_000;

/**
 * CNCF Distribution 2 and 3 (and forks such as GitLab's registry): an envelope `{ events: [...] }`.
 *
 * Blobs are pushed and pulled like manifests and are told apart by media type or URL. A deleted blob looks exactly like a deleted
 * manifest: it becomes an `ImageDeleted` of a digest that nobody knows, which changes nothing.
 * Source: distribution docs/content/about/notifications.md and notifications/{event,bridge}.go.
 */
function read({ json: envelope }: Payload): readonly Finding[] {
  const events = field(envelope, 'events');
  // The key is left out when there are none (`omitempty`); an object with other keys is somebody else's.
  if (events === undefined || events === null)
    return [Object.keys(envelope).length === 0 || events === null ? { ignored: 'NO_EVENTS' } : { malformed: 'EVENT_UNKNOWN' }];
  if (!Array.isArray(events)) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (events.length === 0) return [{ ignored: 'NO_EVENTS' }];
  if (events.length > eventsMax) return [{ malformed: 'TOO_MANY_EVENTS' }];
  return events.map(readEvent);
}

function readEvent(event: unknown): Finding {
  if (!isObject(event)) return { malformed: 'EVENT_NOT_AN_OBJECT' };
  const target = field(event, 'target');
  const action = field(event, 'action');
  switch (action) {
    case 'push':
    case 'pull':
      return isManifest(target) ? { sighting: sightingOf(action, event, target) } : { ignored: 'BLOB' };
    case 'mount': // Only blobs are mounted.
      return { ignored: 'BLOB' };
    case 'delete':
      return { sighting: sightingOf(action, event, target) };
    default:
      return { malformed: 'EVENT_UNKNOWN' };
  }
}

const sightingOf = (action: Sighting['action'], event: JsonObject, target: unknown): Sighting => ({
  action,
  registry: findUrl(target)?.host ?? field(field(event, 'request'), 'host'),
  repository: field(target, 'repository'),
  tag: field(target, 'tag'),
  digest: field(target, 'digest'), // Not the URL's: they differ in the documentation's own sample.
  mediaType: field(target, 'mediaType'),
  configMediaType: findConfigType(field(target, 'references')),
  sizeBytes: field(target, 'size') ?? field(target, 'length'),
  actor: field(field(event, 'actor'), 'name'),
  userAgent: field(field(event, 'request'), 'useragent'),
  occurredAtMs: findRfc3339Ms(field(event, 'timestamp')),
  deliveryId: field(event, 'id'),
  artifactType: field(target, 'artifactType'),
});

/** What the manifest points to comes along where `includereferences` is set, its config among them. */
const findConfigType = (references: unknown): unknown =>
  Array.isArray(references)
    ? references.map((reference) => field(reference, 'mediaType')).find((type) => typeof type === 'string' && configType.test(type))
    : undefined;

const configType = /^application\/vnd\.(?:docker\.container\.image\.v1|[a-z0-9.]{1,64}\.config\.v\d+)\+json$/;

function isManifest(target: unknown): boolean {
  // The last segment but one: a repository may itself be called `manifests` or `blobs`.
  const place = findUrl(target)?.pathname.split('/').at(-2);
  if (place === 'manifests') return true;
  const mediaType = field(target, 'mediaType');
  if (typeof mediaType === 'string' && mediaType !== '') return manifestTypes.has(mediaType);
  // Minimal events of GitLab's fork name neither; only manifests have tags.
  return typeof field(target, 'tag') === 'string' && field(target, 'tag') !== '';
}

/** Absent where the registry runs with `relativeurls`. */
function findUrl(target: unknown): URL | null {
  const url = field(target, 'url');
  return typeof url === 'string' && url.length <= 4_096 ? URL.parse(url) : null;
}

export const distribution: Source = { title: 'CNCF Distribution', auth: ['bearer', 'header', 'basic', 'mtls'], read };
