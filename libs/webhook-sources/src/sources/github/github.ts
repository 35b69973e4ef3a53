import { isDigest } from '@waybill/domain';
import { field, findText, isObject, parseJson } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import { findingOf, type Finding, type Sighting } from '../../sighting.ts';
import { findRfc3339Ms } from '../../time.ts';
import { otherEvents } from './other-events.ts';

/** `package_v2` and `create` are those of the beta of 2020. */
const packageEvents: ReadonlySet<string> = new Set(['package', 'registry_package', 'package_v2']);
const pushActions: ReadonlySet<unknown> = new Set(['published', 'updated', 'create']);
/** Of a package's registry. An npm package's `ecosystem` says "docker" as well, and a container's `package_type` may say "npm". */
const containerTypes: ReadonlySet<string> = new Set(['container', 'docker']);

/**
 * GitHub Packages: one version of one package per delivery.
 *
 * A hook that is subscribed to `package` and to `registry_package` reports a push twice. Both become events: the two have nothing in
 * common that a later push of the same digest would not have too, and what is reported twice changes nothing downstream.
 * A delivery that is sent again by hand keeps its `X-GitHub-Delivery`, and so its event's id.
 * Source: octokit/webhooks payload-examples; github/docs, "Webhook events and payloads".
 */
function read({ json: body, headers }: Payload): readonly Finding[] {
  const event = headers['x-github-event'] ?? eventByKeys(body);
  if (event === 'ping') return [{ ignored: 'PING' }];
  if (event === undefined || !packageEvents.has(event))
    return [event !== undefined && otherEvents.has(event) ? { ignored: 'NOT_AN_IMAGE' } : { malformed: 'EVENT_UNKNOWN' }];
  const about = field(body, 'package') ?? field(body, 'registry_package');
  const version = field(about, 'package_version');
  // Without a version it may be Gitea's package, which comes under GitHub's headers too: somebody has mixed up two endpoints.
  if (!isObject(version)) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (!isContainer(about, version)) return [{ ignored: 'NOT_AN_IMAGE' }];
  const action = field(body, 'action');
  if (!pushActions.has(action)) return [{ malformed: 'EVENT_UNKNOWN' }];
  return [findingOf(sightingOf(body, about, version, headers['x-github-delivery']))];
}

/** For bodies that have lost their headers. */
function eventByKeys(body: unknown): string | undefined {
  if (field(body, 'zen') !== undefined) return 'ping';
  return field(body, 'package') === undefined && field(body, 'registry_package') === undefined ? undefined : 'package';
}

function isContainer(about: unknown, version: unknown): boolean {
  const metadata = field(version, 'container_metadata');
  if (isObject(field(metadata, 'manifest')) || isObject(field(metadata, 'tag'))) return true;
  const type = findText(field(field(about, 'registry'), 'type')) ?? findText(field(about, 'package_type')) ?? '';
  return containerTypes.has(type.toLowerCase());
}

function sightingOf(body: unknown, about: unknown, version: unknown, deliveryId: string | undefined): Sighting {
  const metadata = field(version, 'container_metadata');
  const tag = field(metadata, 'tag');
  const manifest = isObject(metadata) ? field(metadata, 'manifest') : undefined;
  const written = isObject(metadata) ? undefined : findManifest(version);
  const pulled = findPulled(field(version, 'package_url'));
  const names = [isObject(metadata) ? field(tag, 'name') : field(version, 'version'), field(version, 'name'), pulled?.tag];
  const times = [field(version, 'updated_at'), field(version, 'created_at'), field(about, 'updated_at')];
  return {
    action: 'push',
    ...(pulled ?? placeOf(body, about, version)),
    // An empty one says that there is none; only a missing one lets others speak, which are a digest's text for what has no tag.
    tag: names.find((name) => typeof name === 'string'),
    digest: digestAmong([field(manifest, 'digest'), field(tag, 'digest'), field(version, 'version'), field(version, 'name')]),
    mediaType: field(manifest, 'media_type') ?? field(written, 'mediaType'),
    configMediaType: field(field(manifest, 'config'), 'media_type') ?? field(field(written, 'config'), 'mediaType'),
    sizeBytes: field(manifest, 'size'),
    actor: field(field(body, 'sender'), 'login'),
    // The version's are mostly the zero time.
    occurredAtMs: times.map(findRfc3339Ms).find((time) => time !== null) ?? null,
    deliveryId,
  };
}

/** In 2019 the manifest stood there as text. */
function findManifest(version: unknown): unknown {
  const text = field(version, 'manifest');
  const json = typeof text === 'string' ? parseJson(Buffer.from(text)) : undefined;
  return json?.ok === true ? json.value : undefined;
}

/** The first that is one: GitHub's own samples have the SHA-1 of a commit in a digest's place. */
function digestAmong(candidates: readonly unknown[]): unknown {
  const texts = candidates.filter((text) => typeof text === 'string' && text.includes(':'));
  return texts.find((text) => isDigest(text as string)) ?? texts[0];
}

/** References are lower case whatever the owner's name looks like. */
function placeOf(body: unknown, about: unknown, version: unknown): Pick<Sighting, 'registry' | 'repository'> {
  const host = findHost(about);
  const owner = findText(field(about, 'namespace')) ?? findText(field(field(about, 'owner'), 'login'));
  // The registry before ghcr.io had a folder per Git repository.
  const isOld = !isObject(field(version, 'container_metadata')) && field(about, 'package_type') === 'docker';
  const folder = isOld ? (findText(field(field(body, 'repository'), 'full_name')) ?? owner) : owner;
  const name = findText(field(about, 'name'));
  return {
    registry: isOld && (host === undefined || host === 'ghcr.io') ? 'docker.pkg.github.com' : (host ?? 'ghcr.io'),
    repository: folder === null || name === null ? undefined : `${folder}/${name}`.toLowerCase(),
  };
}

/** `https://CONTAINER.pkg.github.com/<owner>` is an address inside of GitHub: images are pulled from ghcr.io. */
function findHost(about: unknown): string | undefined {
  const url = findText(field(field(about, 'registry'), 'url'), 1_024);
  const host = url === null ? undefined : URL.parse(url)?.host;
  return host === 'container.pkg.github.com' ? 'ghcr.io' : host;
}

/** Of `host/path:tag`, where the tag may be missing and its colon not, or `host/path@digest`. Slashes of the path may be encoded. */
function findPulled(packageUrl: unknown): Pick<Sighting, 'registry' | 'repository' | 'tag'> | undefined {
  const text = (findText(packageUrl, 1_024) ?? '').replace(/^https?:\/\//, '').replaceAll(/%2f/gi, '/');
  const [, registry = '', repository, tag] = /^([^/]+)\/([^:@]+)(?::([^@]*))?/.exec(text) ?? [];
  // github.com has pages about packages, not packages.
  if (!/[.:]/.test(registry) || registry === 'github.com') return undefined;
  return { registry: registry.toLowerCase(), repository: repository?.toLowerCase(), tag };
}

export const github: Source = { title: 'GitHub Packages', auth: ['hmac-sha256'], mayBeForm: true, read };
