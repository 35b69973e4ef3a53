import { readCloudEvents, type CloudEvent } from '../../cloud-event.ts';
import { grantOrigin } from '../../cloud-event-hook.ts';
import { field, findText } from '../../json.ts';
import { splitReference, type Reference } from '../../reference.ts';
import { findingOf, type Finding, type Sighting } from '../../sighting.ts';
import type { Source } from '../../source.ts';
import { findRfc3339Ms } from '../../time.ts';
import { findEcrHost } from '../ecr/ecr-host.ts';

/**
 * What a type speaks of by its words, and what happened to it by the last one. A list of what is meant and not of what is not:
 * a scan of an image, or a container that was started, must never pass as a push.
 */
const subjects: ReadonlySet<string> = new Set(['image', 'images', 'container', 'containers', 'ecr']);
const verbs: Readonly<Record<string, Sighting['action']>> = {
  push: 'push',
  pushed: 'push',
  publish: 'push',
  published: 'push',
  delete: 'delete',
  deleted: 'delete',
  pull: 'pull',
  pulled: 'pull',
};

/**
 * Any sender of CloudEvents about images: no standard says how they look, so this is what the tools of the field agree on. Types such as
 * `com.example.container.push`, `org.container.image.published` and `com.amazon.ecr.image.push`; in `data` the first name that is there.
 * Other types are foreign and ignored: an event broker may send everything it has.
 * Source: argocd-image-updater pkg/webhook/cloudevents.go.
 */
export function readImageEvent(event: CloudEvent): readonly Finding[] {
  const action = findAction(event.type);
  if (action === undefined) return [{ ignored: 'NOT_AN_IMAGE' }];
  const { data, subject } = event;
  const first = (...names: readonly string[]): string | undefined =>
    names.map((name) => findText(field(data, name), 1_024)).find((text) => text !== null);
  const registry = findHost(first('registryUrl', 'registry')) ?? findSourceHost(event, first('registryId'));
  const fallback = subject === null ? undefined : splitSubject(subject, registry);
  return [
    findingOf({
      action,
      registry,
      repository: first('repositoryName', 'repository') ?? fallback?.path,
      tag: first('imageTag', 'tag') ?? field(data, 'tags') ?? fallback?.tag,
      digest: first('imageDigest', 'digest') ?? fallback?.digest,
      mediaType: field(data, 'mediaType'),
      actor: field(data, 'actor'),
      occurredAtMs: findRfc3339Ms(event.time),
      deliveryId: event.id,
      deliveryScope: event.source,
    }),
  ];
}

/** Words are parted by what is no letter or digit, and by capitals; a version at the end is none. */
function findAction(type: string): Sighting['action'] | undefined {
  const words = type
    .replace(/([a-z0-9])([A-Z])/g, '$1.$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => !/^v?\d*$/.test(word));
  const verb = words.at(-1) ?? '';
  return words.some((word) => subjects.has(word)) && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
}

/** Of a URL, or of the text up to its first slash. */
function findHost(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return /^[a-z]+:\/\//i.test(text) ? URL.parse(text)?.host : text.split('/', 1)[0];
}

/** Of a `source` that is the registry's: its URL, a host before a path, or a repository of ECR as `urn:` or `arn:`. */
function findSourceHost({ source }: CloudEvent, account: string | undefined): string | undefined {
  const arn = /^[au]rn:aws[a-z-]*:ecr:([a-z0-9-]+):(\d+):/.exec(source);
  if (arn !== null) return findEcrHost(account ?? arn[2], arn[1]);
  return /^https?:\/\//i.test(source) || source.split('/', 1)[0]!.includes('.') ? findHost(source) : undefined;
}

/** A subject is `repository:tag`, or names the registry before that. */
const splitSubject = (subject: string, registry: string | undefined): Reference =>
  splitReference(registry !== undefined && subject.startsWith(`${registry}/`) ? subject : `/${subject}`);

export const cloudevents: Source = {
  title: 'CloudEvents',
  auth: ['bearer', 'header', 'basic', 'url-query', 'url-path'],
  mayBeBatch: true,
  read: (payload) => readCloudEvents(payload, readImageEvent),
  options: (headers, settings) => grantOrigin(headers, settings, []),
};
