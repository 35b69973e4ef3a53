import type { Digest, RegistryHost, RepositoryName } from '@waybill/domain';
import { checkDigest, checkHost, checkRepository, checkTag, referenceInvalid } from './reference-rules.ts';

/** An image at a registry, in full: nothing is left to be filled in. */
export type Reference = {
  /** Lower-case `host[:port]`; Docker Hub is always `docker.io`. */
  readonly host: RegistryHost;
  readonly repository: RepositoryName;
  /** `latest` where the text had neither tag nor digest. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
  /** What the registry is asked for: the digest, else the tag. With both, the tag only tells readers where the digest came from. */
  readonly reference: string;
};

const dockerHub = 'docker.io' as RegistryHost;
/** Docker Hub's name of before; still in many configurations. */
const dockerHubOfOld = 'index.docker.io';
const officialImages = 'library/';
const defaultTag = 'latest';

/** More than the longest host, repository, tag and digest together. */
const textLengthMax = 1_024;

/**
 * Understands a reference as `docker pull` does: `[host[:port]/]repository[:tag][@digest]`. The first part is a host when it is
 * `localhost` or has a dot, a colon or an upper-case letter; without one it is Docker Hub, whose own images lie below `library/`.
 *
 * Takes time linear in the text's length. Hosts become lower case: their names have none, and registries are found by them.
 * Source: github.com/distribution/reference v0.6.0, `ParseNormalizedNamed`; OCI distribution spec 1.1, "Pulling Manifests". Where this is
 * stricter, `test/fixtures/references` says so with the reason.
 * @throws OciError `REFERENCE_INVALID`, with what is wrong and what would be right
 */
export function parseReference(text: string): Reference {
  refuseOtherThings(text);
  const [named, digestText, ...more] = text.split('@');
  if (more.length > 0) throw referenceInvalid(text, 'has more than one "@": write name@digest');
  const digest = digestText === undefined ? undefined : checkDigest(text, digestText);
  const { host, rest } = splitHost(text, named!);
  const [path, ...tags] = rest.split(':');
  const tagText = tags.length > 0 ? checkTag(text, tags.join(':')) : undefined;
  const prefix = host === dockerHub && !path!.includes('/') ? officialImages : '';
  const repository = checkRepository(text, prefix, path!);
  const tag = tagText ?? (digest === undefined ? defaultTag : undefined);
  return { host, repository, tag, digest, reference: digest ?? tag ?? defaultTag };
}

/** The whole of it in one line, from which {@link parseReference} makes the same again. */
export const formatReference = ({ host, repository, tag, digest }: Omit<Reference, 'reference'>): string =>
  `${host}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;

function splitHost(text: string, named: string): { readonly host: RegistryHost; readonly rest: string } {
  const slash = named.indexOf('/');
  const first = named.slice(0, Math.max(slash, 0));
  const isHost = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  if (!isHost) return { host: dockerHub, rest: named };
  const host = checkHost(text, first);
  return { host: host === dockerHubOfOld ? dockerHub : host, rest: named.slice(slash + 1) };
}

/** What is given in a reference's place so often that it deserves an answer of its own. */
function refuseOtherThings(text: string): void {
  if (text === '') throw referenceInvalid(text, 'is empty: write [host/]repository[:tag][@digest]');
  if (text.length > textLengthMax) throw referenceInvalid(text, `has ${text.length} characters; ${textLengthMax} are the most`);
  if (/^[a-z]+:\/\//i.test(text)) throw referenceInvalid(text, 'begins with a scheme: leave out all before the host');
  if (/^[a-f0-9]{64}$/.test(text)) throw referenceInvalid(text, 'is an image id, which one machine knows and no registry: write a name');
}
