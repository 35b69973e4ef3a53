import type { Source } from './sources.ts';

/** Lower-case names; a header sent more than once is joined as in RFC 9110, section 5.3. */
export type PlainHeaders = Readonly<Record<string, string>>;

export function plainHeaders(headers: NodeJS.Dict<string | readonly string[]>): PlainHeaders {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ');
  }
  return plain;
}

const secretName = /auth|cookie|token|secret|signature|passw|credential|api-?key/;

/**
 * The headers that a delivery keeps. Credentials are found by name, by the source's own header, and by value: a proxy may add the
 * original URL, and with it a secret that was in the path, under any name.
 */
export function keptHeaders(headers: PlainHeaders, source: Pick<Source, 'auth' | 'secrets'>): PlainHeaders {
  const ownHeader = 'header' in source.auth ? source.auth.header : undefined;
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name !== ownHeader && !secretName.test(name))
      .filter(([, value]) => !source.secrets.some((secret) => value.includes(secret.value)))
      .map(([name, value]) => [name, value.toWellFormed()]),
  );
}

/** W3C Trace Context 1, section 3.2: version 00. Anything else is dropped, not passed on. */
export const findTraceparent = (headers: PlainHeaders): string | null => {
  const value = headers['traceparent'];
  return value !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : null;
};
