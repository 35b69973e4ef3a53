import { OciError } from './errors.ts';
import type { Incoming } from './connection.ts';
import type { Registry } from './settings.ts';

const redirectsMax = 5;
const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const isRedirect = (status: number): boolean => statuses.has(status);

/** Absolute URL of the answer's `Location`, or undefined. */
export function parseLocation(response: Pick<Incoming, 'headers' | 'url'>): URL | undefined {
  const location = response.headers['location'];
  return typeof location === 'string' && URL.canParse(location, response.url) ? new URL(location, response.url) : undefined;
}

/**
 * Where an answer redirects to.
 * @param hops how many were followed before
 * @throws OciError `REDIRECT_REFUSED`: without an end, from TLS to none, or with credentials in the URL
 */
export function redirectTarget(
  registry: Registry,
  request: { readonly what: string; readonly repository: string },
  response: Incoming,
  hops: number,
): URL {
  const refuse = (why: string) =>
    new OciError('REDIRECT_REFUSED', `${registry.host} redirects ${request.what} of ${request.repository} ${why}`, {
      host: registry.host,
      repository: request.repository,
      status: response.status,
    });
  const url = parseLocation(response);
  if (!url) throw refuse('without saying where: check the proxies before it');
  if (hops >= redirectsMax) throw refuse(`more than ${redirectsMax} times: check its external URL and the proxies before it`);
  const isPlain = url.protocol === 'http:' && registry.plainHttp === true && response.url.protocol === 'http:';
  if (url.protocol !== 'https:' && !isPlain) throw refuse('to something that is not https: correct its external URL');
  if (url.username !== '' || url.password !== '') throw refuse('with credentials in the URL: correct its external URL');
  return url;
}
