import { isIPv6 } from 'node:net';
import { isDigest, isRegistryHost, isRepositoryName, isTag, type Digest, type RegistryHost, type RepositoryName } from '@waybill/domain';
import { OciError } from '../host/errors.ts';

const hostLengthMax = 255;
const repositoryLengthMax = 255;
const tagLengthMax = 128;
const quotedLengthMax = 100;

/** @param why goes on from "reference x" */
export const referenceInvalid = (text: string, why: string): OciError =>
  new OciError('REFERENCE_INVALID', `reference ${quote(text)} ${why}`, { host: '', repository: '' });

/** As JSON, whose escapes make control characters harmless in logs. Before an "@" that no digest follows there may be a password. */
function quote(text: string): string {
  const at = text.lastIndexOf('@');
  const shown = at < 0 || /^[A-Za-z0-9+._-]{1,32}:[A-Fa-f0-9]*$/.test(text.slice(at + 1)) ? text : `…${text.slice(at)}`;
  return JSON.stringify(shown.length > quotedLengthMax ? `${shown.slice(0, quotedLengthMax)}…` : shown);
}

/** @returns the host in lower case */
export function checkHost(text: string, written: string): RegistryHost {
  const host = written.toLowerCase();
  const wrong = (why: string): OciError => referenceInvalid(text, `has the host ${quote(written)}: ${why}`);
  const [, name = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(host) ?? [];
  if (port?.includes(':') === true) throw wrong('write one port, and an IPv6 address in brackets, as in [::1]:5000');
  if (port !== undefined && !(/^[0-9]{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536))
    throw wrong('write a port from 1 to 65535');
  if (host.length > hostLengthMax) throw wrong(`${hostLengthMax} characters are the most`);
  const isAddress = name.startsWith('[') && isIPv6(name.slice(1, -1));
  if (!isRegistryHost(host) || !(isAddress || isDomainName(written.slice(0, name.length))))
    throw wrong('write a name of letters, digits, dots and inner hyphens, an IPv4 address, or an IPv6 address in brackets');
  // To a URL 127.1 is 127.0.0.1, and 1.2.3.999 nothing: what is connected to must be what is written.
  if (!isAddress && (!URL.canParse(`https://${name}`) || new URL(`https://${name}`).hostname !== name))
    throw wrong('write a name, or an IPv4 address of four numbers up to 255');
  // In lower case a single word is a repository of Docker Hub: the same letters would name two images.
  if (host !== written && host !== 'localhost' && !/[.:]/.test(host))
    throw wrong(`repositories are written in lower case (${quote(text.toLowerCase())}), a host of one word with its port`);
  return host;
}

/** Looked at as written: in lower case some letters that are not ASCII become ones that are. */
const isDomainName = (name: string): boolean => name.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(label));

/** @param prefix that was left out, as Docker Hub's `library/` is */
export function checkRepository(text: string, prefix: string, path: string): RepositoryName {
  const repository = `${prefix}${path}`;
  if (path === '') throw referenceInvalid(text, 'has no repository: write one between host and tag');
  if (repository.length > repositoryLengthMax)
    throw referenceInvalid(text, `has a repository of ${repository.length} characters; ${repositoryLengthMax} are the most`);
  if (isRepositoryName(repository)) return repository;
  if (/^[\w./-]*$/.test(path) && isRepositoryName(repository.toLowerCase()))
    throw referenceInvalid(text, `has upper-case letters in its repository: write ${quote(path.toLowerCase())}`);
  throw referenceInvalid(
    text,
    `has the repository ${quote(path)}: write parts of a-z and 0-9, joined by ., _, __ or hyphens, with a slash between`,
  );
}

export function checkTag(text: string, tag: string): string {
  if (isTag(tag)) return tag;
  if (tag === '') throw referenceInvalid(text, 'ends in a colon: write a tag after it, or leave it out');
  throw referenceInvalid(
    text,
    tag.length > tagLengthMax
      ? `has a tag of ${tag.length} characters; ${tagLengthMax} are the most`
      : `has the tag ${quote(tag)}: write letters, digits and _, and . or - from the second on`,
  );
}

const hexLengths = { sha256: 64, sha512: 128 } as const;

export function checkDigest(text: string, digest: string): Digest {
  if (isDigest(digest)) return digest;
  if (digest.includes('/'))
    throw referenceInvalid(text, 'has an "@" before its name: credentials do not belong here, and a digest comes last');
  const algorithm = digest.split(':')[0];
  if (algorithm !== 'sha256' && algorithm !== 'sha512')
    throw referenceInvalid(text, `has the digest ${quote(digest)}: write sha256:<hex> or sha512:<hex>, which can be checked`);
  throw referenceInvalid(text, `has a broken digest: write ${algorithm}: and ${hexLengths[algorithm]} digits, 0-9 and lower-case a-f`);
}
