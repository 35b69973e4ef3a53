declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** `<algorithm>:<hex>`: sha256 with 64 or sha512 with 128 lower-case digits (OCI image spec 1.1, "Digests"). */
export type Digest = Brand<string, 'Digest'>;
/** Path below the registry's host, without tag or digest (OCI distribution spec 1.1, `<name>`). */
export type RepositoryName = Brand<string, 'RepositoryName'>;
/** Lower-case `host[:port]`, no scheme. */
export type RegistryHost = Brand<string, 'RegistryHost'>;

const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const hostPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Longest repository name taken: the registry's 255 characters for host and name together, seen from the name alone. */
const repositoryLengthMax = 255;

export const isDigest = (text: string): text is Digest => digestPattern.test(text);
export const isRepositoryName = (text: string): text is RepositoryName =>
  text.length <= repositoryLengthMax && repositoryPattern.test(text);
export const isRegistryHost = (text: string): text is RegistryHost => text.length <= 255 && hostPattern.test(text);
export const isTag = (text: string): boolean => tagPattern.test(text);

/** How our own requests to registries name themselves, so that registries that tell it can be heard to speak of us. */
export const ownUserAgent = 'waybill';

/** Routing key of everything that must stay in order: `registry/repository`. */
export const repositoryKey = (image: { readonly registry: string; readonly repository: string }): string =>
  `${image.registry}/${image.repository}`;
/** `registry/repository:tag` */
export const tagKey = (image: { readonly registry: string; readonly repository: string }, tag: string): string =>
  `${repositoryKey(image)}:${tag}`;
/** `registry/repository@digest` */
export const digestKey = (image: { readonly registry: string; readonly repository: string }, digest: string): string =>
  `${repositoryKey(image)}@${digest}`;
