import { STATUS_CODES } from 'node:http';

const lookAtSettings = 'Compare what is entered at the sender with its page in docs/registries.';
const notDurable = 'the delivery could not be made durable';
const comeAgain = 'Send it again after the seconds that Retry-After tells.';

/**
 * Every refusal of the gateway. Codes are stable; `outcome` is how metrics count it. The texts are constant: nothing that was sent
 * comes back in an answer, and 401 says neither which secret was compared nor how wrong it was.
 */
export const refusals = {
  REQUEST_INVALID: {
    status: 400,
    outcome: 'invalid',
    message: 'this is not a request that can be read in one way only',
    next: 'Send HTTP/1.1 with each of Host, Content-Length, Content-Type and Authorization at most once; look at proxies in between.',
  },
  UNAUTHORIZED: {
    status: 401,
    outcome: 'unauthorized',
    message: 'the request does not prove that it comes from this sender',
    next: lookAtSettings,
  },
  FORBIDDEN: { status: 403, outcome: 'forbidden', message: 'this sender may not send here', next: lookAtSettings },
  ENDPOINT_UNKNOWN: { status: 404, outcome: 'unknown-endpoint', message: 'there is no such endpoint', next: lookAtSettings },
  METHOD_NOT_ALLOWED: { status: 405, outcome: 'invalid', message: 'this path does not take the method', next: 'Use one that Allow names.' },
  REQUEST_TIMEOUT: {
    status: 408,
    outcome: 'too-slow',
    message: 'the request did not come in whole in time',
    next: 'Send it again; when it stays, look at the network, or raise HTTP_REQUEST_TIMEOUT_MS.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    outcome: 'too-large',
    message: 'the body is larger than a delivery may be',
    next: 'Let the sender send smaller batches.',
  },
  ENCODING_UNSUPPORTED: {
    status: 415,
    outcome: 'unsupported',
    message: 'the body is compressed, which no known sender does',
    next: 'Send it without Content-Encoding.',
  },
  EXPECTATION_UNKNOWN: {
    status: 417,
    outcome: 'invalid',
    message: 'Expect asks for something else than 100-continue',
    next: 'Send it without Expect.',
  },
  RATE_EXCEEDED: { status: 429, outcome: 'rate-exceeded', message: 'this endpoint is sent to faster than it may be', next: comeAgain },
  HEADERS_TOO_LARGE: {
    status: 431,
    outcome: 'too-large',
    message: 'there are more or longer headers than a delivery needs',
    next: 'Send at most 100 headers of 16 KiB in all; look at proxies in between.',
  },
  INTERNAL: { status: 500, outcome: 'failed', message: 'the request failed', next: 'See the log of the gateway.' },
  KEYS_UNAVAILABLE: {
    status: 503,
    outcome: 'unavailable',
    message: 'the keys that tell this sender cannot be had at present',
    next: comeAgain,
  },
  GATEWAY_BUSY: { status: 503, outcome: 'busy', message: 'too much is in flight', next: comeAgain },
  LOG_UNAVAILABLE: { status: 503, outcome: 'unavailable', message: notDurable, next: comeAgain },
  CONFIRMATION_FAILED: {
    status: 503,
    outcome: 'unavailable',
    message: 'the subscription could not be confirmed now',
    next: comeAgain,
  },
  SPOOL_FULL: { status: 503, outcome: 'unavailable', message: notDurable, next: comeAgain },
  SPOOL_FAILED: { status: 503, outcome: 'unavailable', message: notDurable, next: comeAgain },
} as const;
export type RefusalCode = keyof typeof refusals;

export const answerType = 'application/json; charset=utf-8';

/** The body of each refusal, printed once: `{code, message, next}` as of the API. Refusing must stay cheap when everything is refused. */
export const refusalBodies = Object.fromEntries(
  Object.entries(refusals).map(([code, { message, next }]) => [code, JSON.stringify({ code, message, next })]),
) as Readonly<Record<RefusalCode, string>>;

/** A whole answer for a connection on which there is no request to answer: it ends with it. */
export function rawRefusal(code: RefusalCode): string {
  const { status } = refusals[code];
  const body = refusalBodies[code];
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, `content-type: ${answerType}`, `content-length: ${body.length}`];
  return [...head, 'connection: close', '', body].join('\r\n');
}
