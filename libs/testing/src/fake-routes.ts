import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { digestLike, findManifest, findMissing, documentOf, referrersOf, type FakeRepository } from './fake-content.ts';
import type { Notifier } from './fake-notifications.ts';

export type Answer = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly bytes?: Buffer };
export type RegistryOptions = {
  /** False: answers 404 like registries of before 1.1, so that clients fall back to tags. */
  readonly referrersApi: boolean;
  readonly pageSizeMax: number;
  /** Whether `Location` names no host. */
  readonly relativeLocations: boolean;
  /** False: blobs come whole whatever is asked for. */
  readonly ranges: boolean;
  /** Smallest piece of an upload but the last one; asked for by `OCI-Chunk-Min-Length` and insisted on. */
  readonly chunkBytesMin?: number;
  /** Larger bodies get a 413, as from a proxy in front. */
  readonly requestBytesMax?: number;
};
export type RouteContext = {
  readonly options: RegistryOptions;
  readonly notify: Notifier['notify'];
  readonly origin: () => string;
  /** Made on first use. */
  readonly repository: (name: string) => FakeRepository;
  readonly find: (name: string) => FakeRepository | undefined;
  readonly names: () => Iterable<string>;
};
type Call = {
  readonly context: RouteContext;
  readonly request: IncomingMessage;
  readonly method: string;
  readonly url: URL;
  readonly name: string;
  readonly repository: FakeRepository;
  /** Tag, digest or upload session. */
  readonly rest: string;
  readonly body: Buffer;
};

const json = (status: number, value: unknown, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  bytes: Buffer.from(JSON.stringify(value)),
});
const refuse = (status: number, code: string): Answer => json(status, { errors: [{ code, message: code.toLowerCase() }] });

const routes: readonly (readonly [RegExp, (call: Call) => Answer])[] = [
  [/^\/v2\/(.+)\/blobs\/uploads\/()$/, startUpload],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, continueUpload],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, serveBlob],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, serveManifest],
  [/^\/v2\/(.+)\/tags\/(list)$/, listTags],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, listReferrers],
];

/** The answer to a request, after OCI distribution spec 1.1. */
export function answer(context: RouteContext, request: IncomingMessage, body: Buffer): Answer {
  const url = new URL(request.url ?? '/', context.origin());
  if (body.byteLength > (context.options.requestBytesMax ?? Infinity)) return refuse(413, 'SIZE_INVALID');
  if (/^\/v2\/?$/.test(url.pathname)) return json(200, {});
  if (url.pathname === '/v2/_catalog') return listRepositories(context, url);
  for (const [pattern, route] of routes) {
    const [, name, rest] = pattern.exec(url.pathname) ?? [];
    if (name === undefined || rest === undefined) continue;
    const method = request.method ?? 'GET';
    const isWrite = method === 'POST' || method === 'PUT' || method === 'PATCH';
    const repository = isWrite ? context.repository(name) : context.find(name);
    return repository ? route({ context, request, method, url, name, repository, rest, body }) : refuse(404, 'NAME_UNKNOWN');
  }
  return refuse(404, 'NOT_FOUND');
}

function serveBlob({ context, request, method, name, repository, rest: digest, url }: Call): Answer {
  const bytes = repository.blobs.get(digest);
  if (!bytes) return refuse(404, 'BLOB_UNKNOWN');
  if (method === 'DELETE') {
    repository.blobs.delete(digest);
    context.notify({ action: 'delete', repository: name, digest, path: url.pathname, method });
    return { status: 202 };
  }
  const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest };
  if (!context.options.ranges) return { status: 200, headers, bytes };
  const accepts = { ...headers, 'accept-ranges': 'bytes' };
  const { range } = request.headers;
  return range === undefined ? { status: 200, headers: accepts, bytes } : rangeOf(bytes, range, accepts);
}

/** One range of a body (RFC 9110, section 14); several at once are answered by all of it, as a server may. */
function rangeOf(bytes: Buffer, range: string, headers: Readonly<Record<string, string>>): Answer {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === undefined || to === undefined || from + to === '') return { status: 200, headers, bytes };
  const last = bytes.byteLength - 1;
  const start = from === '' ? Math.max(0, bytes.byteLength - Number(to)) : Number(from);
  const end = from === '' || to === '' ? last : Math.min(Number(to), last);
  if (start > end) return { ...refuse(416, 'RANGE_INVALID'), headers: { 'content-range': `bytes */${bytes.byteLength}` } };
  const part = bytes.subarray(start, end + 1);
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${start}-${end}/${bytes.byteLength}` }, bytes: part };
}

function startUpload(call: Call): Answer {
  const { context, name, repository, url, body } = call;
  const mount = url.searchParams.get('mount');
  const bytes = mount === null ? undefined : context.find(url.searchParams.get('from') ?? '')?.blobs.get(mount);
  if (mount !== null && bytes) {
    repository.blobs.set(mount, bytes);
    context.notify({ action: 'mount', repository: name, digest: mount, sizeBytes: bytes.byteLength, path: url.pathname, method: 'POST' });
    return { status: 201, headers: { location: `/v2/${name}/blobs/${mount}`, 'docker-content-digest': mount } };
  }
  if (url.searchParams.has('digest')) return storeBlob(call, body);
  const session = randomUUID();
  repository.uploads.set(session, Buffer.alloc(0));
  const { chunkBytesMin } = context.options;
  const least = chunkBytesMin === undefined ? {} : { 'oci-chunk-min-length': String(chunkBytesMin) };
  return { status: 202, headers: { location: uploadLocation(call, session), range: '0-0', ...least } };
}

/** What has come of an upload whose connection broke off stays. */
export function keepBegun(context: RouteContext, request: IncomingMessage, body: Buffer): void {
  const [, name = '', session = ''] = /^\/v2\/(.+)\/blobs\/uploads\/([^/?]+)/.exec(request.url ?? '') ?? [];
  const uploads = context.find(name)?.uploads;
  const sofar = uploads?.get(session);
  if (sofar) uploads?.set(session, Buffer.concat([sofar, body]));
}

/** Real registries put their state into the query, which clients must give back. */
const uploadLocation = ({ context, name }: Call, session: string): string =>
  `${context.options.relativeLocations ? '' : context.origin()}/v2/${name}/blobs/uploads/${session}?_state=${session}`;

function continueUpload(call: Call): Answer {
  const { context, method, repository, request, rest: session, url, body } = call;
  const sofar = repository.uploads.get(session);
  if (!sofar) return refuse(404, 'BLOB_UPLOAD_UNKNOWN');
  if (url.searchParams.get('_state') !== session && method !== 'GET') return refuse(400, 'BLOB_UPLOAD_INVALID');
  const location = { location: uploadLocation(call, session) };
  const range = { range: `0-${Math.max(sofar.byteLength - 1, 0)}` };
  if (method === 'GET') return { status: 204, headers: { ...location, ...range } };
  if (method === 'DELETE') {
    repository.uploads.delete(session);
    return { status: 204 };
  }
  const start = /^(\d+)-/.exec(String(request.headers['content-range'] ?? ''))?.[1];
  if (start !== undefined && Number(start) !== sofar.byteLength) return { status: 416, headers: { ...location, ...range } };
  const all = Buffer.concat([sofar, body]);
  if (method === 'PATCH') {
    if (repository.closing.has(session)) return refuse(400, 'SIZE_INVALID');
    if (body.byteLength < (context.options.chunkBytesMin ?? 0)) repository.closing.add(session);
    repository.uploads.set(session, all);
    return { status: 202, headers: { ...location, range: `0-${Math.max(all.byteLength - 1, 0)}` } };
  }
  const stored = storeBlob(call, all);
  if (stored.status === 201) repository.uploads.delete(session);
  return stored;
}

function storeBlob({ context, name, repository, url, method }: Call, bytes: Buffer): Answer {
  const digest = url.searchParams.get('digest');
  if (digest === null || digestLike(digest, bytes) !== digest) return refuse(400, 'DIGEST_INVALID');
  repository.blobs.set(digest, bytes);
  const path = `/v2/${name}/blobs/${digest}`;
  context.notify({
    action: 'push',
    repository: name,
    digest,
    sizeBytes: bytes.byteLength,
    mediaType: 'application/octet-stream',
    path,
    method,
  });
  return { status: 201, headers: { location: path, 'docker-content-digest': digest } };
}

function serveManifest(call: Call): Answer {
  const { context, method, name, repository, rest: reference, url } = call;
  if (method === 'PUT') return storeManifest(call);
  const found = findManifest(repository, reference);
  if (!found) return refuse(404, 'MANIFEST_UNKNOWN');
  const { digest, mediaType, bytes } = found;
  const path = `/v2/${name}/manifests/${digest}`;
  if (method === 'DELETE') {
    const isTag = repository.tags.delete(reference);
    if (!isTag) {
      repository.manifests.delete(digest);
      for (const [tag, named] of repository.tags) if (named === digest) repository.tags.delete(tag);
    }
    context.notify({ action: 'delete', repository: name, ...(isTag ? { tag: reference } : { digest }), path: url.pathname, method });
    return { status: 202 };
  }
  if (method === 'GET')
    context.notify({
      action: 'pull',
      repository: name,
      mediaType,
      digest,
      sizeBytes: bytes.byteLength,
      tag: tagOf(reference),
      path,
      method,
    });
  return { status: 200, headers: { 'content-type': mediaType, 'docker-content-digest': digest }, bytes };
}

const tagOf = (reference: string): string | undefined => (reference.includes(':') ? undefined : reference);

function storeManifest({ context, name, repository, rest: reference, request, body: bytes }: Call): Answer {
  const digest = digestLike(reference, bytes);
  if (reference.includes(':') && reference !== digest) return refuse(400, 'DIGEST_INVALID');
  const mediaType = request.headers['content-type'] ?? 'application/octet-stream';
  const manifest = { mediaType, bytes };
  let subject: string | undefined;
  try {
    if (findMissing(repository, manifest).length > 0) return refuse(400, 'MANIFEST_BLOB_UNKNOWN');
    subject = documentOf(manifest).subject?.digest;
  } catch {
    return refuse(400, 'MANIFEST_INVALID');
  }
  repository.manifests.set(digest, manifest);
  const tag = tagOf(reference);
  if (tag !== undefined) repository.tags.set(tag, digest);
  const path = `/v2/${name}/manifests/${digest}`;
  context.notify({ action: 'push', repository: name, mediaType, digest, sizeBytes: bytes.byteLength, tag, path, method: 'PUT' });
  const linked = subject !== undefined && context.options.referrersApi ? { 'oci-subject': subject } : {};
  return { status: 201, headers: { location: path, 'docker-content-digest': digest, ...linked } };
}

function listTags({ context, name, repository, url }: Call): Answer {
  const { page, headers } = pageOf(context, repository.tags.keys(), url);
  return json(200, { name, tags: page }, headers);
}

function listRepositories(context: RouteContext, url: URL): Answer {
  const { page, headers } = pageOf(context, context.names(), url);
  return json(200, { repositories: page }, headers);
}

function pageOf(
  { options }: RouteContext,
  names: Iterable<string>,
  url: URL,
): { readonly page: readonly string[]; readonly headers: Readonly<Record<string, string>> } {
  const last = url.searchParams.get('last') ?? '';
  const limit = Math.min(Number(url.searchParams.get('n') ?? options.pageSizeMax), options.pageSizeMax);
  const left = [...names].sort().filter((name) => name > last);
  const page = left.slice(0, limit);
  if (left.length === page.length) return { page, headers: {} };
  const query = new URLSearchParams({ n: String(limit), last: page.at(-1)! }).toString();
  return { page, headers: { link: `<${url.pathname}?${query}>; rel="next"` } };
}

function listReferrers({ context, name, repository, rest: subject, url }: Call): Answer {
  if (!context.options.referrersApi) return refuse(404, 'NOT_FOUND');
  const start = Number(url.searchParams.get('from') ?? 0);
  const end = start + context.options.pageSizeMax;
  const artifactType = url.searchParams.get('artifactType');
  const all = referrersOf(repository, subject).filter((referrer) => artifactType === null || referrer.artifactType === artifactType);
  const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: all.slice(start, end) };
  const query = new URLSearchParams({ from: String(end), ...(artifactType === null ? {} : { artifactType }) }).toString();
  const more = all.length > end ? { link: `</v2/${name}/referrers/${subject}?${query}>; rel="next"` } : {};
  const filtered = artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' };
  return json(200, index, { 'content-type': index.mediaType, ...more, ...filtered });
}
