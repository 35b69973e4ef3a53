import { needsBody } from '@waybill/webhook-sources';
import type { FastifyRequest } from 'fastify';
import type { Authenticate, Verdict } from './auth/authenticate.ts';
import { authRequestOf } from './auth/auth-request.ts';
import type { Budget, Place } from './budget.ts';
import { plainHeaders, type PlainHeaders } from './headers.ts';
import type { Rates } from './rates.ts';
import type { Refusal } from './refuse.ts';
import type { RefusalCode } from './refusals.ts';
import type { Source, Sources } from './sources.ts';

/** A request that may send its body. */
export type Admitted = { readonly source: Source; readonly headers: PlainHeaders; readonly place: Place };
/** Why not, as the refuser takes it. */
export type Denied = Pick<Refusal, 'code' | 'endpoint' | 'retryAfterSeconds' | 'challenge'>;
export type Admission = { readonly admitted: Admitted } | { readonly denied: Denied };

export type AdmissionNeeds = {
  readonly sources: Sources;
  readonly authenticate: Authenticate;
  readonly budget: Budget;
  readonly rates: Rates;
  readonly bodyBytesMax: number;
};

/** Answers before any byte of the body is read, cheapest question first. */
export async function admit(request: FastifyRequest, needs: AdmissionNeeds): Promise<Admission> {
  const { sources, budget, rates, bodyBytesMax } = needs;
  const source = findEndpoint(request, sources);
  if (source === undefined) return { denied: { code: 'ENDPOINT_UNKNOWN' } };
  const endpoint = source.name;
  const headers = plainHeaders(request.headers);
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity')
    return { denied: { code: 'ENCODING_UNSUPPORTED', endpoint } };
  if (needsBody(source.auth)) {
    const waitSeconds = rates.peek(source);
    if (waitSeconds > 0) return { denied: tooFast(endpoint, waitSeconds) };
  } else {
    const denied = await findDenial(request, source, noBody, needs);
    if (denied !== undefined) return { denied };
  }
  const lengthText = headers['content-length'];
  // Chunked: it may become as large as any.
  const lengthBytes = lengthText === undefined ? bodyBytesMax : Number(lengthText);
  if (lengthBytes > bodyBytesMax) return { denied: { code: 'BODY_TOO_LARGE', endpoint } };
  const place = budget.reserve(endpoint, lengthBytes);
  return place === undefined ? { denied: { code: 'GATEWAY_BUSY', endpoint } } : { admitted: { source, headers, place } };
}

/** Whether a request is its sender's, and in time. Only what is authentic counts: nobody else can use up a sender's rate. */
export async function findDenial(
  request: FastifyRequest,
  source: Source,
  body: Buffer,
  { authenticate, rates }: Pick<AdmissionNeeds, 'authenticate' | 'rates'>,
): Promise<Denied | undefined> {
  const verdict = authenticate(source, authRequestOf(request.raw, source.auth, body));
  const code = findRefusal(verdict instanceof Promise ? await verdict : verdict);
  if (code !== undefined) return { code, endpoint: source.name, ...challengeOf(source, code) };
  const waitSeconds = rates.take(source);
  return waitSeconds > 0 ? tooFast(source.name, waitSeconds) : undefined;
}

const challengeOf = ({ auth }: Source, code: RefusalCode): Pick<Denied, 'challenge'> =>
  code === 'UNAUTHORIZED' && auth.scheme === 'basic' ? { challenge: 'Basic realm="waybill"' } : {};

const tooFast = (endpoint: string, retryAfterSeconds: number): Denied => ({ code: 'RATE_EXCEEDED', endpoint, retryAfterSeconds });

const noBody = Buffer.alloc(0);

/** Of the path; a path with a secret belongs to an endpoint that has its secret there, and only to such a one. */
export function findEndpoint(request: FastifyRequest, sources: Sources): Source | undefined {
  const { endpoint = '', secret } = request.params as { readonly endpoint?: string; readonly secret?: string };
  const source = sources.get(endpoint);
  return (secret !== undefined) === (source?.auth.scheme === 'url-path') ? source : undefined;
}

/** What to answer to a verdict; undefined where it lets the request in. */
export function findRefusal(verdict: Verdict): RefusalCode | undefined {
  if (verdict.ok) return undefined;
  if (verdict.reason === 'unavailable') return 'KEYS_UNAVAILABLE';
  return verdict.reason === 'forbidden' ? 'FORBIDDEN' : 'UNAUTHORIZED';
}
