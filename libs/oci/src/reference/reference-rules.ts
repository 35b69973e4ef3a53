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

/** As JSON, whose escapes make control characters harmless in logs. What stands before an "@" within a path may be a password. */
function quote(text: string): string {
  const at = text.includes('/') ? text.lastIndexOf('@', text.lastIndexOf('/')) : -1;
  const shown = at < 0 ? text : `…${text.slice(at)}`;
  return JSON.stringify(shown.length > quotedLengthMax ? `${shown.slice(0, quotedLengthMax)}…` : shown);
}

/** @returns the host in lower case */
export function checkHost(text: string, written: string): RegistryHost {
  const host = written.toLowerCase();
  const wrong = (why: string): OciError => referenceInvalid(text, `has the host ${quote(written)}: ${why}`);
  const [, name = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(host) ?? [];
  if (port?.includes(':') === true) throw wrong('write an IPv6 address in brackets, as in [::1]:5000');
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

export function checkRepository(text: string, repository: string): RepositoryName {
  if (repository.length > repositoryLengthMax)
    throw referenceInvalid(text, `has a repository of ${repository.length} characters; ${repositoryLengthMax} are the most`);
  if (isRepositoryName(repository)) return repository;
  if (isRepositoryName(repository.toLowerCase()))
    throw referenceInvalid(text, `has upper-case letters in its repository: write ${quote(repository.toLowerCase())}`);
  throw referenceInvalid(
    text,
    `has the repository ${quote(repository)}: write parts of a-z and 0-9 with a slash between them; within a part ., _, __ or hyphens may join`,
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
  const algorithm = digest.split(':')[0]!;
  if (algorithm !== 'sha256' && algorithm !== 'sha512')
    throw referenceInvalid(text, `has a digest of ${quote(algorithm)}: sha256 and sha512 are the ones that can be checked`);
  throw referenceInvalid(text, `has a broken digest: write ${algorithm}: and ${hexLengths[algorithm]} digits, 0-9 and lower-case a-f`);
}
