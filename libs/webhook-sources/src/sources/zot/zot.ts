import { readCloudEvents, type CloudEvent } from '../../cloud-event.ts';
import { field, findText, parseJson } from '../../json.ts';
import type { IgnoredReason } from '../../parsed.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';
import { findRfc3339Ms } from '../../time.ts';

/** By the end of the event's type: what stands before it is `zotregistry.`, or whatever zot is configured to say. */
const kinds: Readonly<Record<string, Sighting['action'] | IgnoredReason>> = {
  'image.updated': 'push',
  'image.deleted': 'delete',
  'image.lint_failed': 'NOT_A_PUSH', // Has the very fields of a push, and was refused.
  'image.scanned': 'NOT_ABOUT_IMAGES',
  'repository.created': 'NOT_ABOUT_IMAGES',
};

/**
 * zot: CloudEvents, as its library sends them: attributes in `ce-` headers, the body is only `data`. One event per tag, once, without
 * a second try. The host is never told: the attribute `source` is a constant.
 *
 * The manifest comes along as text. It gives the size, and the media type of its config, which tells charts from images.
 * Source: zot pkg/extensions/events/{builder,events,http_sink}.go; project-zot.github.io docs/articles/events.md.
 */
function read(payload: Payload): readonly Finding[] {
  return readCloudEvents(payload, (event) => [readEvent(event)]);
}

function readEvent(event: CloudEvent): Finding {
  const suffix = event.type.split('.').slice(-2).join('.');
  const kind = Object.hasOwn(kinds, suffix) ? kinds[suffix] : undefined;
  if (kind === undefined) return { malformed: 'EVENT_UNKNOWN' };
  if (kind !== 'push' && kind !== 'delete' && kind !== 'pull') return { ignored: kind };
  const reference = findText(field(event.data, 'reference'));
  const digest = findText(field(event.data, 'digest'));
  if (reference === null && digest === null) return { malformed: 'FIELD_MISSING' };
  const isTagged = reference !== null && !reference.includes(':');
  const manifest = field(event.data, 'manifest');
  const written = typeof manifest === 'string' ? parseManifest(manifest) : undefined;
  return {
    sighting: {
      action: kind,
      registry: undefined,
      repository: field(event.data, 'name'),
      tag: reference,
      // A tag that is deleted leaves the manifest to the others.
      digest: isTagged && kind === 'delete' ? undefined : (digest ?? (isTagged ? undefined : reference)),
      mediaType: field(event.data, 'mediaType'),
      configMediaType: field(field(written, 'config'), 'mediaType'),
      artifactType: field(written, 'artifactType'),
      sizeBytes: typeof manifest === 'string' && manifest !== '' ? Buffer.byteLength(manifest) : undefined,
      actor: field(field(event.data, 'actor'), 'name'),
      occurredAtMs: findRfc3339Ms(event.time),
      deliveryId: event.id,
    },
  };
}

function parseManifest(text: string): unknown {
  const json = parseJson(Buffer.from(text));
  return json.ok ? json.value : undefined;
}

export const zot: Source = { title: 'zot', auth: ['bearer', 'basic', 'header', 'mtls'], read };
