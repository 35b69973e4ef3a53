import { OciError, type OciErrorCode } from './errors.ts';

type Kind = { readonly codes: RegExp; readonly code: OciErrorCode; readonly what: string; readonly next?: string };

/** What breaks below HTTP, by the codes of Node, OpenSSL and undici. */
const kinds: readonly Kind[] = [
  { codes: /^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/, code: 'REGISTRY_TIMEOUT', what: 'was too slow' },
  {
    codes: /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/,
    code: 'REGISTRY_PROTOCOL',
    what: 'does not speak TLS',
    next: 'check its host and port, and plainHttp in registries.yaml',
  },
  {
    codes: /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/,
    code: 'REGISTRY_UNTRUSTED',
    what: 'shows a certificate of an authority that is not known here',
    next: "name that authority's PEM file as caFile in registries.yaml, or by --ca-file",
  },
  {
    codes: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    code: 'REGISTRY_UNTRUSTED',
    what: 'shows a certificate that is not valid at this time',
    next: 'have it renewed, and see that the clock here is right',
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    code: 'REGISTRY_UNTRUSTED',
    what: 'shows a certificate for another name',
    next: 'reach it by a name that is in its certificate: host or apiHost in registries.yaml',
  },
  {
    codes: /_ALERT_(CERTIFICATE_\w+|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)$/,
    code: 'REGISTRY_UNTRUSTED',
    what: 'wants a certificate of ours, or does not take the one it has got,',
    next: 'name certFile and keyFile of one that its operator has issued in registries.yaml',
  },
  {
    codes: /CERT|^ERR_(SSL|OSSL|TLS)_/,
    code: 'REGISTRY_UNTRUSTED',
    what: 'and Waybill do not trust each other',
    next: 'see caFile, certFile and keyFile in registries.yaml',
  },
  { codes: /^UND_ERR_(RES|REQ)_CONTENT_LENGTH_MISMATCH$/, code: 'CONTENT_SIZE_MISMATCH', what: 'got or sent more or less than announced' },
  {
    codes: /^HPE_|^UND_ERR_HEADERS_OVERFLOW$/,
    code: 'REGISTRY_PROTOCOL',
    what: 'does not speak HTTP as it must',
    next: 'check its host and port: something else may answer there',
  },
];
const broken: Kind = { codes: /^/, code: 'REGISTRY_UNAVAILABLE', what: 'broke off' };

/** What was asked for, in words; the catalog is of no repository. */
export const nameOf = ({ what, repository }: { readonly what: string; readonly repository: string }): string =>
  repository === '' ? what : `${what} of ${repository}`;

/** An abort stays what the signal says; all that a connection fails with becomes an {@link OciError}. */
export function asOciError(
  error: unknown,
  request: { readonly signal: AbortSignal; readonly what: string; readonly repository: string },
  registry: { readonly host: string },
): unknown {
  if (request.signal.aborted) return request.signal.reason;
  if (error instanceof OciError) return error;
  const found = findCode(error);
  const { code, what, next } = kinds.find(({ codes }) => codes.test(found)) ?? broken;
  const advice = next === undefined ? '' : `: ${next}`;
  return new OciError(code, `${registry.host} ${what} at ${nameOf(request)} (${found})${advice}`, {
    host: registry.host,
    repository: request.repository,
    // A fault of ours is found by its stack. Errors of the network carry sockets and received bytes, which may hold anything.
    ...(isProgrammingError(error) ? { cause: error } : {}),
  });
}

const isProgrammingError = (error: unknown): boolean =>
  !('code' in Object(error)) && (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError);

/** Where several addresses of a host were tried, the code of the first. */
function findCode(error: unknown): string {
  const { code, errors, name } = Object(error) as { readonly code?: unknown; readonly errors?: unknown; readonly name?: unknown };
  if (name === 'HTTPParserError') return typeof code === 'string' ? code : 'HPE_INVALID'; // Undici's own, which may have none.
  if (typeof code === 'string' && /^[A-Z0-9_/]{1,64}$/.test(code)) return code; // OpenSSL has codes as ERR_SSL_SSL/TLS_ALERT_….
  return Array.isArray(errors) && errors.length > 0 ? findCode(errors[0]) : 'unknown';
}
