import { isLocalScheme, verify, type AuthRequest, type Verdict as LocalVerdict } from '@waybill/webhook-sources';
import type { Source } from '../sources.ts';

/** `unavailable`: what it takes to say so cannot be fetched now. It is no: the sender is to come again. */
export type Verdict = LocalVerdict | { readonly ok: false; readonly reason: 'unavailable' };

/** Whether a request may be let in to an endpoint. Never rejects. At once for what needs no key of somebody else. */
export type Authenticate = (source: Source, request: AuthRequest) => Verdict | Promise<Verdict>;

export const createAuthenticate =
  (nowMs: () => number): Authenticate =>
  ({ auth, secrets }, request) =>
    isLocalScheme(auth) ? verify(auth, secrets, request, nowMs()) : { ok: false, reason: 'unavailable' };
