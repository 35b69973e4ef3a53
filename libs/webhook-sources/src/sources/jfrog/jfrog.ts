import { field, findText, isObject } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';

const dockerEvents: Readonly<Record<string, Sighting['action'] | 'promoted'>> = { pushed: 'push', deleted: 'delete', promoted: 'promoted' };
const manifestNames: ReadonlySet<unknown> = new Set(['manifest.json', 'list.manifest.json']);

/** Beside `docker` and `artifact`. Source: the webhook resources of JFrog's Terraform provider. */
const otherDomains: ReadonlySet<string> = new Set(
  `artifact_property artifact_lifecycle build release_bundle release_bundle_v2 release_bundle_v2_promotion artifactory_release_bundle
  distribution destination user`.split(/\s+/),
);

/**
 * JFrog Artifactory: tags of the domain `docker`.
 *
 * The domain `artifact` reports each file, and so each push a second time and its layers too; it is not read, as who subscribes to it
 * alone has still the domain `docker` to subscribe to. A fill of a remote repository's cache looks like a push into `<name>-cache`.
 * Neither a time nor an id comes with it: what repeats within a minute is one event.
 * Source: JFrog Platform Administration, "Domain: docker"; payloads in the tests of kargo and keel.
 */
function read({ json: body, settings }: Payload): readonly Finding[] {
  const domain = field(body, 'domain');
  const data = field(body, 'data');
  if (domain === 'artifact') return [{ ignored: readFile(data) }];
  if (domain !== 'docker')
    return [typeof domain === 'string' && otherDomains.has(domain) ? { ignored: 'NOT_ABOUT_IMAGES' } : { malformed: 'EVENT_UNKNOWN' }];
  const event = field(body, 'event_type') ?? field(data, 'event_type');
  const action = typeof event === 'string' && Object.hasOwn(dockerEvents, event) ? dockerEvents[event] : undefined;
  if (action === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  if (action === 'promoted') return [{ ignored: 'NOT_A_PUSH' }];
  const tag = findText(field(data, 'tag'));
  if (!isObject(data) || tag === null) return [{ malformed: 'FIELD_MISSING' }];
  const isTagged = !byDigest.test(tag);
  return [
    {
      sighting: {
        action,
        registry: findHost(field(body, 'jpd_origin')),
        repository: repositoryOf(data, settings.registryHost),
        tag: isTagged ? tag : undefined,
        // A tag that is deleted leaves the same manifest under other tags alone.
        digest: isTagged && action === 'delete' ? undefined : digestOf(data, tag),
        sizeBytes: field(data, 'size'),
        actor: field(body, 'source'),
        occurredAtMs: null,
      },
    },
  ];
}

function readFile(data: unknown): 'REPEATED_BY_SENDER' | 'BLOB' | 'NOT_AN_IMAGE' {
  const name = fileNameOf(data);
  if (manifestNames.has(name)) return 'REPEATED_BY_SENDER';
  return typeof name === 'string' && byDigest.test(name) ? 'BLOB' : 'NOT_AN_IMAGE';
}

/** What is stored by digest: layers, and manifests without a tag, which may have the colon spelled `__` as files have. */
const byDigest = /^sha256(?:__|:)[a-f0-9]{64}$/;

const fileNameOf = (data: unknown): unknown => field(data, 'name') ?? findText(field(data, 'path'), 1_024)?.split('/').at(-1);

/** The checksum of the manifest's file; that of any other file is not the image's digest. */
function digestOf(data: unknown, folder: string): string | undefined {
  const sha256 = findText(field(data, 'sha256'));
  if (sha256 !== null && manifestNames.has(fileNameOf(data))) return sha256.startsWith('sha256:') ? sha256 : `sha256:${sha256}`;
  return byDigest.test(folder) ? folder.replace('__', ':') : undefined;
}

/**
 * `<repository key>/<image>`. The image is the file's path without tag and file name, for `image_name` may lack its first folders. Where
 * each repository has a host of its own (the "subdomain method"), its key is in the host and not in the name.
 */
function repositoryOf(data: unknown, registryHost: string | null): string | undefined {
  const key = findText(field(data, 'repo_key'));
  const folder = findText(field(data, 'path'), 1_024)?.split('/').filter(Boolean).slice(0, -2).join('/');
  const image = folder === undefined || folder === '' ? findText(field(data, 'image_name')) : folder;
  if (key === null || image === null) return undefined;
  return registryHost?.startsWith(`${key}.`) === true ? image : `${key}/${image}`;
}

/** Empty on self-hosted ones without a "Custom Base URL". */
function findHost(origin: unknown): string | undefined {
  const text = findText(origin, 1_024);
  if (text === null) return undefined;
  return text.includes('://') ? URL.parse(text)?.host : text.split('/', 1)[0];
}

export const jfrog: Source = { title: 'JFrog Artifactory', auth: ['hmac-sha256', 'header'], read };
