import { needsBody } from '@waybill/webhook-sources';
import type { FastifyRequest } from 'fastify';
import type { Authenticate, Verdict } from './auth/authenticate.ts';
import { authRequestOf } from './auth/auth-request.ts';
import type { Budget } from './budget.ts';
import { plainHeaders, type PlainHeaders } from './headers.ts';
import type { RefusalCode } from './refusals.ts';
import type { Source, Sources } from './sources.ts';

/** A request that may send its body. */
export type Admitted = { readonly source: Source; readonly headers: PlainHeaders; readonly release: () => void };
export type Admission = { readonly admitted: Admitted } | { readonly refused: RefusalCode; readonly endpoint: string | undefined };

export type AdmissionNeeds = {
  readonly sources: Sources;
  readonly authenticate: Authenticate;
  readonly budget: Budget;
  readonly bodyBytesMax: number;
};

/** Answers before any byte of the body is read, cheapest question first. */
export async function admit(request: FastifyRequest, { sources, authenticate, budget, bodyBytesMax }: AdmissionNeeds): Promise<Admission> {
  const source = findEndpoint(request, sources);
  if (source === undefined) return { refused: 'ENDPOINT_UNKNOWN', endpoint: undefined };
  const headers = plainHeaders(request.headers);
  if (!needsBody(source.auth)) {
    const refused = findRefusal(await authenticate(source, authRequestOf(request.raw, source.auth, noBody)));
    if (refused !== undefined) return { refused, endpoint: source.name };
  }
  const lengthText = headers['content-length'];
  // Chunked: it may become as large as any.
  const lengthBytes = lengthText === undefined ? bodyBytesMax : Number(lengthText);
  if (lengthBytes > bodyBytesMax) return { refused: 'BODY_TOO_LARGE', endpoint: source.name };
  const release = budget.reserve(lengthBytes);
  return release === undefined ? { refused: 'GATEWAY_BUSY', endpoint: source.name } : { admitted: { source, headers, release } };
}

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
