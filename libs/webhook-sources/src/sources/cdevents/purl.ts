/** What a package URL says of an image. */
export type ImagePurl = {
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
};

/** Whose images `pkg:docker` means where it names no repository (purl types, "docker"). */
const dockerHub = 'docker.io';

/**
 * The image that a package URL names; undefined for packages of other types, and for what is no package URL. Total.
 *
 * `pkg:oci/app@sha256%3A…?repository_url=host%2Fpath%2Fapp&tag=1`: the specification's own examples write `repository_url` with the
 * image's name at its end as well as without it. `pkg:docker/team/app@1` has its path in the URL, and a tag or a digest as its version.
 * Source: package-url/purl-spec, "purl specification" and its types "oci" and "docker".
 */
export function findImagePurl(text: string): ImagePurl | undefined {
  // Unambiguous from the right: a subpath, then the qualifiers, then the version.
  const match = /^pkg:\/*([a-z]+)\/([^#?]*)(?:\?([^#]*))?/i.exec(text);
  const type = match?.[1]?.toLowerCase();
  if (match === null || (type !== 'oci' && type !== 'docker')) return undefined;
  try {
    const named = segments(match[2]!);
    // Behind the last slash only: `@` may stand in a namespace.
    const at = named.indexOf('@', named.lastIndexOf('/') + 1);
    const name = decodeURIComponent(at < 0 ? named : named.slice(0, at)).toLowerCase();
    const version = at < 0 ? '' : decodeURIComponent(named.slice(at + 1));
    const qualifiers = match[3] ?? '';
    const place = splitPlace(findQualifier(qualifiers, 'repository_url'), name, type);
    const isDigest = version.includes(':');
    return { ...place, tag: findQualifier(qualifiers, 'tag') ?? (isDigest ? undefined : version), digest: isDigest ? version : undefined };
  } catch {
    return undefined; // Its percent signs are none.
  }
}

/** Not as in forms: `+` means itself. The first of a name counts. @throws URIError */
function findQualifier(text: string, name: string): string | undefined {
  const pair = text.split('&').find((each) => each.slice(0, name.length + 1).toLowerCase() === `${name}=`);
  return pair === undefined ? undefined : decodeURIComponent(pair.slice(name.length + 1));
}

function splitPlace(url: string | undefined, name: string, type: 'oci' | 'docker'): Pick<ImagePurl, 'registry' | 'repository'> {
  if (url === undefined || url === '')
    return type === 'oci'
      ? { registry: undefined, repository: name }
      : { registry: dockerHub, repository: name.includes('/') ? name : `library/${name}` };
  const place = segments(url.replace(/^https?:/i, ''));
  const slash = place.indexOf('/');
  const [registry, folder] = slash < 0 ? [place, ''] : [place.slice(0, slash), place.slice(slash + 1)];
  const isWhole = folder === name || folder.endsWith(`/${name}`);
  return { registry, repository: isWhole ? folder : folder === '' ? name : `${folder}/${name}` };
}

/** A path without empty segments. */
const segments = (path: string): string =>
  path
    .split('/')
    .filter((segment) => segment !== '')
    .join('/');
