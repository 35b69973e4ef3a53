import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import type { Logger } from '@waybill/app-kit';
import type { AuthScheme } from '@waybill/webhook-sources';
import type { Registry } from 'prom-client';
import { createQuiet } from '../quiet.ts';
import { createAuthenticate, type Authenticate } from './authenticate.ts';
import { createCertificates } from './certificates.ts';
import { confirmSubscription } from './confirm.ts';
import { fetchBounded, type Fetch } from './fetch-bounded.ts';
import { createKeySets } from './key-sets.ts';
import { createAuthMetrics, type AuthMetrics } from './metrics.ts';

/** All that has to do with who may send. */
export type Auth = {
  readonly authenticate: Authenticate;
  /** Answers what SNS asks of a new subscriber. @returns false where it is not ours to answer @throws Error where SNS does not take it */
  readonly confirm: (auth: AuthScheme, address: string) => Promise<boolean>;
  readonly metrics: AuthMetrics;
};

export type AuthNeeds = {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** How keys of others are had, and who vouches for them; tests bring their own. */
  readonly fetch?: Fetch;
  readonly roots?: readonly X509Certificate[];
};

const quietMs = 60_000;

export function createAuth({ registry, logger, nowMs, fetch = fetchBounded, roots = systemRoots() }: AuthNeeds): Auth {
  const metrics = createAuthMetrics(registry);
  const quiet = createQuiet(quietMs, nowMs);
  const onFailure = (err: unknown): void => {
    const heldBack = quiet('keys');
    if (heldBack !== undefined) logger.warn({ err, code: 'KEYS_UNAVAILABLE', heldBack }, 'keys of a provider cannot be had');
  };
  return {
    authenticate: createAuthenticate({
      keySets: createKeySets(fetch, nowMs, onFailure),
      certificates: createCertificates({ fetch, roots, nowMs, onFailure }),
      nowMs,
      onVerdict: metrics.verdict,
    }),
    confirm: (auth, address) => confirmSubscription(auth, address, fetch),
    metrics,
  };
}

const systemRoots = (): readonly X509Certificate[] => getCACertificates('default').map((pem) => new X509Certificate(pem));
