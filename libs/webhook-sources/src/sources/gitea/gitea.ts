import { field, findText, isObject } from '../../json.ts';
import type { Headers } from '../../parsed.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding } from '../../sighting.ts';
import { findRfc3339Ms } from '../../time.ts';

/** Beside `package`. Source: gitea modules/webhook/type.go, and Forgejo's. */
const otherEvents: ReadonlySet<string> = new Set(
  `create delete fork push issues issue_assign issue_label issue_milestone issue_comment pull_request pull_request_assign
  pull_request_label pull_request_milestone pull_request_comment pull_request_review_approved pull_request_approved
  pull_request_review_rejected pull_request_rejected pull_request_review_comment pull_request_sync pull_request_review_request
  repository release wiki status schedule workflow_run workflow_job action_run_failure action_run_recover action_run_success`.split(/\s+/),
);
const actions: Readonly<Record<string, 'push' | 'delete'>> = { created: 'push', deleted: 'delete' };

/**
 * Gitea and Forgejo: one version of one package per delivery, under their own headers and those of Gogs and GitHub.
 *
 * Every manifest is reported, children of an index too, and for them the version is the digest. A tag names no digest, and comes in
 * lower case whatever was pushed. A tag that is pushed again is deleted and made anew inside of Gitea, and may so be reported as both.
 * Source: gitea services/webhook/deliver.go, modules/structs/{hook,package}.go, routers/api/packages/container.
 */
function read({ json: body, headers }: Payload): readonly Finding[] {
  if (isUnsigned(headers)) return [{ malformed: 'SIGNATURE_EMPTY' }];
  const event = findHeader(headers, 'event') ?? (isObject(field(body, 'package')) ? 'package' : undefined);
  if (event !== 'package')
    return [event !== undefined && otherEvents.has(event) ? { ignored: 'NOT_AN_IMAGE' } : { malformed: 'EVENT_UNKNOWN' }];
  const about = field(body, 'package');
  const type = field(about, 'type');
  if (typeof type !== 'string') return [{ malformed: 'FIELD_MISSING' }];
  if (type !== 'container') return [{ ignored: 'NOT_AN_IMAGE' }];
  const written = field(body, 'action');
  const action = typeof written === 'string' && Object.hasOwn(actions, written) ? actions[written] : undefined;
  if (action === undefined) return [{ malformed: 'EVENT_UNKNOWN' }];
  const version = findText(field(about, 'version'));
  if (version === null) return [{ malformed: 'FIELD_MISSING' }];
  return [
    {
      sighting: {
        action,
        registry: hostOf(about),
        repository: repositoryOf(about),
        tag: version,
        digest: version.includes(':') ? version : undefined,
        actor: field(field(body, 'sender'), 'login'),
        // Also of what is deleted: so a tag that one push deletes and makes anew outlives its own deletion, in whatever order they come.
        occurredAtMs: findRfc3339Ms(field(about, 'created_at')),
        deliveryId: findHeader(headers, 'delivery'),
      },
    },
  ];
}

/** Own names first: both send GitHub's as well, and Forgejo sends Gitea's. */
const findHeader = (headers: Headers, name: 'event' | 'delivery'): string | undefined =>
  headers[`x-forgejo-${name}`] ?? headers[`x-gitea-${name}`] ?? headers[`x-gogs-${name}`] ?? headers[`x-github-${name}`];

/**
 * A hook without a secret sends its signature headers all the same, and empty. Such a delivery is authentic only if the hook has an
 * `Authorization` header instead. The gateway has checked that before, and keeps neither header; what is read elsewhere is asked here.
 */
const isUnsigned = (headers: Headers): boolean =>
  (headers['x-forgejo-signature'] ?? headers['x-gitea-signature']) === '' && headers['authorization'] === undefined;

/** Of the page about the package: the registry is at the same host. */
function hostOf(about: unknown): string | undefined {
  const url = findText(field(about, 'html_url'), 4_096);
  return url === null ? undefined : URL.parse(url)?.host;
}

/** The registry lower-cases both. In URLs the slashes of a nested name are encoded, in `name` they are not. */
function repositoryOf(about: unknown): string | undefined {
  const owner = findText(field(field(about, 'owner'), 'login'));
  const name = findText(field(about, 'name'));
  return owner === null || name === null ? undefined : `${owner}/${name}`.toLowerCase();
}

export const gitea: Source = { title: 'Gitea, Forgejo', auth: ['hmac-sha256', 'header', 'bearer', 'basic'], mayBeForm: true, read };
