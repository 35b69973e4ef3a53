import {
  isLocalScheme,
  readSnsMessage,
  readToken,
  refused,
  verify,
  verifySnsMessage,
  verifyToken,
  type AuthRequest,
  type OidcScheme,
  type SnsScheme,
  type Verdict as LocalVerdict,
} from '@waybill/webhook-sources';
import type { Source } from '../sources.ts';
import type { Certificates } from './certificates.ts';
import type { KeySets } from './key-sets.ts';

/** `unavailable`: what it takes to say so cannot be fetched now. It is no: the sender is to come again. */
export type Verdict = LocalVerdict | { readonly ok: false; readonly reason: 'unavailable' };

/** Whether a request may be let in to an endpoint. Never rejects. At once for what needs no key of somebody else. */
export type Authenticate = (source: Pick<Source, 'name' | 'auth' | 'secrets'>, request: AuthRequest) => Verdict | Promise<Verdict>;

export type AuthenticateNeeds = {
  readonly keySets: KeySets;
  readonly certificates: Certificates;
  readonly nowMs: () => number;
  /** Told of each. */
  readonly onVerdict: (endpoint: string, verdict: Verdict) => void;
};

export function createAuthenticate({ keySets, certificates, nowMs, onVerdict }: AuthenticateNeeds): Authenticate {
  async function byToken(scheme: OidcScheme, request: AuthRequest): Promise<Verdict> {
    const token = readToken(scheme, request);
    if ('ok' in token) return token;
    const key = await keySets.find(scheme, token.keyId);
    if (key === 'unknown') return refused('wrong');
    return key === 'unavailable' ? { ok: false, reason: key } : verifyToken(scheme, token, key, nowMs());
  }

  async function bySns(scheme: SnsScheme, request: AuthRequest): Promise<Verdict> {
    const message = readSnsMessage(scheme, request);
    if ('ok' in message) return message;
    const key = await certificates.find(message.certificateUrl, scheme.certificateTrust);
    if (key === 'refused') return refused('wrong');
    return key === 'unavailable' ? { ok: false, reason: key } : verifySnsMessage(message, key);
  }

  return ({ name, auth, secrets }, request) => {
    const tell = (verdict: Verdict): Verdict => {
      onVerdict(name, verdict);
      return verdict;
    };
    if (isLocalScheme(auth)) return tell(verify(auth, secrets, request, nowMs()));
    return (auth.scheme === 'oidc' ? byToken(auth, request) : bySns(auth, request)).then(tell);
  };
}
