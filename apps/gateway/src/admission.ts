import { needsBody, verify } from '@waybill/webhook-sources';
import type { FastifyRequest } from 'fastify';
import type { Budget } from './budget.ts';
import { plainHeaders, type PlainHeaders } from './headers.ts';
import type { Source, Sources } from './sources.ts';

/** Why a request is turned away. Codes are stable; a refusal says nothing about which secret or how wrong. */
export const refusals = {
  ENDPOINT_UNKNOWN: { status: 404, outcome: 'unknown-endpoint' },
  UNAUTHORIZED: { status: 401, outcome: 'unauthorized' },
  BODY_TOO_LARGE: { status: 413, outcome: 'too-large' },
  REQUEST_INVALID: { status: 400, outcome: 'invalid' },
  GATEWAY_BUSY: { status: 503, outcome: 'busy' },
  LOG_UNAVAILABLE: { status: 503, outcome: 'unavailable' },
  SPOOL_FULL: { status: 503, outcome: 'unavailable' },
  SPOOL_FAILED: { status: 503, outcome: 'unavailable' },
  INTERNAL: { status: 500, outcome: 'failed' },
} as const;
export type RefusalCode = keyof typeof refusals;

/** A request that may send its body. */
export type Admitted = { readonly source: Source; readonly headers: PlainHeaders; readonly release: () => void };
export type Admission = { readonly admitted: Admitted } | { readonly refused: RefusalCode; readonly endpoint: string | undefined };

/** Answers before any byte of the body is read, cheapest question first. */
export function admit(request: FastifyRequest, sources: Sources, budget: Budget, bodyBytesMax: number): Admission {
  const params = request.params as { readonly endpoint?: string; readonly secret?: string };
  const source = sources.get(params.endpoint ?? '');
  if (source === undefined || (params.secret !== undefined) !== (source.auth.scheme === 'url-path'))
    return { refused: 'ENDPOINT_UNKNOWN', endpoint: undefined };
  const headers = plainHeaders(request.headers);
  if (!needsBody(source.auth) && !isAuthentic(source, headers, request.url, Buffer.alloc(0)))
    return { refused: 'UNAUTHORIZED', endpoint: source.name };
  const lengthText = headers['content-length'];
  // Chunked: it may become as large as any.
  const lengthBytes = lengthText === undefined ? bodyBytesMax : Number(lengthText);
  if (lengthBytes > bodyBytesMax) return { refused: 'BODY_TOO_LARGE', endpoint: source.name };
  const release = budget.reserve(lengthBytes);
  return release === undefined ? { refused: 'GATEWAY_BUSY', endpoint: source.name } : { admitted: { source, headers, release } };
}

export const isAuthentic = (source: Source, headers: PlainHeaders, url: string, body: Buffer): boolean =>
  verify(source.auth, source.secrets, { headers, url, body });
