import { field, findText, isObject } from '../../json.ts';
import type { IgnoredReason } from '../../parsed.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding, Sighting } from '../../sighting.ts';
import { findRfc3339Ms } from '../../time.ts';

const actions: Readonly<Record<string, Sighting['action']>> = {
  TAG_PUSH: 'push',
  MANIFEST_PUSH: 'push',
  TAG_PULL: 'pull',
  MANIFEST_PULL: 'pull',
  TAG_DELETE: 'delete',
  MANIFEST_DELETE: 'delete',
  REPO_DELETED: 'delete',
};

const others: Readonly<Record<string, IgnoredReason>> = {
  SCAN_COMPLETED: 'NOT_ABOUT_IMAGES',
  SCAN_FAILED: 'NOT_ABOUT_IMAGES',
  SCANNER_UPDATE_COMPLETED: 'NOT_ABOUT_IMAGES',
  PROMOTION: 'NOT_A_PUSH',
  PUSH_MIRRORING: 'NOT_A_PUSH',
  POLL_MIRRORING: 'NOT_A_PUSH',
  REPO_CREATED: 'NOT_ABOUT_IMAGES',
  REPO_UPDATED: 'NOT_ABOUT_IMAGES',
};

const timeNames = { push: 'pushedAt', pull: 'pulledAt', delete: 'deletedAt' } as const;

/**
 * Docker Trusted Registry 2 and Mirantis Secure Registry 2 and 3: `{ type, createdAt, contents, location }`. (MSR 4 is a Harbor.)
 *
 * Who subscribes to both gets `TAG_PUSH` and `MANIFEST_PUSH` for one push. Both become events, the second without a tag: it alone tells
 * of what is pushed by digest, and its digest is known downstream by then.
 * Source: docs.mirantis.com, MSR, "Manage webhooks"; docker.github.io, DTR, "Create and manage webhooks".
 */
function read({ json: body }: Payload): readonly Finding[] {
  const type = findText(field(body, 'type')) ?? '';
  if (type.startsWith('CHART_')) return [{ ignored: 'HELM_CHART' }];
  if (Object.hasOwn(others, type)) return [{ ignored: others[type]! }];
  const action = Object.hasOwn(actions, type) ? actions[type] : undefined;
  if (action === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  const contents = field(body, 'contents');
  if (!isObject(contents)) return [{ malformed: 'FIELD_MISSING' }];
  const [tag, digest] = [findText(field(contents, 'tag')), findText(field(contents, 'digest'))];
  if (tag === null && digest === null && type !== 'REPO_DELETED') return [{ malformed: 'FIELD_MISSING' }];
  const times = [field(contents, timeNames[action]), field(body, 'createdAt')];
  return [
    {
      sighting: {
        action,
        ...placeOf(contents),
        tag,
        // A tag that is deleted leaves the manifest to the others.
        digest: type === 'TAG_DELETE' ? undefined : digest,
        actor: field(contents, 'author'),
        occurredAtMs: times.map(findRfc3339Ms).find((time) => time !== null) ?? null,
      },
    },
  ];
}

/** The host is what stands before `/<namespace>/<repository>` in the image's name; in `foo/bar:latest` there is none. */
function placeOf(contents: unknown): Pick<Sighting, 'registry' | 'repository'> {
  const [namespace, name] = [findText(field(contents, 'namespace')), findText(field(contents, 'repository'))];
  const repository = namespace === null || name === null ? undefined : `${namespace}/${name}`;
  const image = findText(field(contents, 'imageName'), 1_024) ?? '';
  const [, host, pulled] = /^([^/]+)\/([^:@]+)/.exec(image) ?? [];
  if (repository === undefined) return host !== undefined && /[.:]/.test(host) ? { registry: host, repository: pulled } : noPlace;
  return { registry: pulled === repository ? host : undefined, repository };
}

const noPlace = { registry: undefined, repository: undefined };

export const dtr: Source = { title: 'Docker Trusted Registry, Mirantis MSR', auth: ['url-path', 'url-query'], read };
