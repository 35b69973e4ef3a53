import { createPublicKey, verify as verifySignature, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import { field, isObject, type JsonObject } from '../json.ts';
import { findHeader, type AuthRequest } from './request.ts';
import type { OidcScheme } from './scheme.ts';
import { refused, type Refused, type Verdict } from './verdict.ts';

/** A token that is formed as it must be, and about which nothing is proved yet. */
export type Token = { readonly keyId: string; readonly claims: JsonObject; readonly signed: Buffer; readonly signature: Buffer };
/** Public keys of one provider for one algorithm, by `kid`. */
export type KeySet = ReadonlyMap<string, KeyObject>;

const tokenLengthMax = 8_192;
/** For clocks that differ. */
const leewaySeconds = 60;
const keysMax = 100;
const rsaBitsMin = 2_048;

/** The token of `Authorization: Bearer` (RFC 7519), in the one algorithm of the endpoint: what the token itself asks for is no choice. */
export function readToken({ algorithm }: OidcScheme, request: AuthRequest): Token | Refused {
  const header = findHeader(request, 'authorization');
  if (header === undefined) return refused('missing');
  const parts = header === null || header.length > tokenLengthMax ? [] : (/^bearer +(\S+)$/i.exec(header)?.[1]?.split('.') ?? []);
  const [head, claims, signature] = parts.map(findBase64Url);
  if (parts.length !== 3 || head === undefined || claims === undefined || signature === undefined) return refused('malformed');
  const [headJson, claimsJson] = [findJson(head), findJson(claims)];
  const keyId = field(headJson, 'kid');
  const isOurs = field(headJson, 'alg') === algorithm && field(headJson, 'crit') === undefined;
  if (!isOurs || typeof keyId !== 'string' || claimsJson === undefined) return refused('malformed');
  return { keyId, claims: claimsJson, signed: Buffer.from(`${parts[0]}.${parts[1]}`), signature };
}

/** Signature first: claims of a token that nobody has signed are not worth a look. */
export function verifyToken(scheme: OidcScheme, token: Token, key: KeyObject, nowMs: number): Verdict {
  const isSigned = verifySignature('sha256', token.signed, { key, dsaEncoding: 'ieee-p1363' }, token.signature);
  const [issuer, audience] = [field(token.claims, 'iss'), field(token.claims, 'aud')];
  const isForUs = Array.isArray(audience) ? audience.includes(scheme.audience) : audience === scheme.audience;
  if (!isSigned || !scheme.issuers.includes(issuer as string) || !isForUs) return refused('wrong');
  return isInTime(token.claims, nowMs / 1_000) ? verifyIdentity(scheme, token.claims) : refused('expired');
}

function isInTime(claims: JsonObject, nowSeconds: number): boolean {
  const [expires, ...starts] = ['exp', 'nbf', 'iat'].map((name) => field(claims, name));
  if (typeof expires !== 'number' || expires <= nowSeconds - leewaySeconds) return false;
  return starts.every((start) => start === undefined || (typeof start === 'number' && start <= nowSeconds + leewaySeconds));
}

function verifyIdentity({ emails, claims: wanted }: OidcScheme, claims: JsonObject): Verdict {
  const email = field(claims, 'email');
  const isAccount = emails === null || (emails.includes(email as string) && field(claims, 'email_verified') === true);
  const bys = Object.entries(wanted).map(([name, values]) => values.find((value) => holds(field(claims, name), value)));
  if (!isAccount || bys.includes(undefined)) return refused('forbidden');
  const by = emails === null ? bys[0] : (email as string);
  return by === undefined ? refused('forbidden') : { ok: true, by }; // No list at all is no identity.
}

/** Roles come as a list. */
const holds = (claim: unknown, value: string): boolean => (Array.isArray(claim) ? claim.includes(value) : claim === value);

/** The keys of a JWK set (RFC 7517) that verify `algorithm`; weak ones and others are left out. @throws TypeError where it is none */
export function parseKeySet(text: string, algorithm: OidcScheme['algorithm']): KeySet {
  const keys: unknown = field(JSON.parse(text), 'keys');
  if (!Array.isArray(keys) || keys.length > keysMax) throw new TypeError('is no set of keys');
  const usable = keys.flatMap((jwk: unknown): readonly (readonly [string, KeyObject])[] => {
    const keyId = field(jwk, 'kid');
    const isFor = (name: string, value: string): boolean => [undefined, value].includes(field(jwk, name) as string | undefined);
    if (typeof keyId !== 'string' || !isFor('use', 'sig') || !isFor('alg', algorithm)) return [];
    const key = findKey(jwk as JsonWebKeyInput['key']);
    return key !== undefined && fits(key, algorithm) ? [[keyId, key]] : [];
  });
  return new Map(usable);
}

function findKey(jwk: JsonWebKeyInput['key']): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function fits({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, algorithm: OidcScheme['algorithm']): boolean {
  if (algorithm === 'ES256') return type === 'ec' && details?.namedCurve === 'prime256v1';
  return type === 'rsa' && (details?.modulusLength ?? 0) >= rsaBitsMin;
}

/** Undefined where it is not the one text that stands for its bytes. */
function findBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : undefined;
}

function findJson(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
