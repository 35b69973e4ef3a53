import { X509Certificate, type KeyObject } from 'node:crypto';
import { checkChain, type SnsScheme } from '@waybill/webhook-sources';
import type { Fetch } from './fetch-bounded.ts';

export type Certificates = {
  /**
   * The key of the certificate at an address of SNS, once the certificate is proved. `refused`: it is not what it must be.
   * `unavailable`: it cannot be had now. Never rejects.
   */
  readonly find: (url: URL, trust: SnsScheme['certificateTrust']) => Promise<KeyObject | 'refused' | 'unavailable'>;
};

type Found = { readonly certificate: X509Certificate } | 'refused' | 'unavailable';
type Held = { readonly found: Promise<Found>; readonly untilMs: number };

/** SNS has one certificate per region, and a new one now and then. */
const heldMax = 64;
const keepMs = 86_400_000;
const refusedMs = 60_000;
const unavailableMs = 5_000;
/** The address stands in a message that nobody has proved yet: strangers may make us fetch, but not much. */
const fetchesPerMinuteMax = 20;
const issuersMax = 3;

export type CertificatesOptions = {
  readonly fetch: Fetch;
  readonly roots: readonly X509Certificate[];
  readonly nowMs: () => number;
  readonly onFailure: (error: unknown) => void;
};

/** Certificates that SNS signs with, kept by address: a certificate never changes under its own. */
export function createCertificates({ fetch, roots, nowMs, onFailure }: CertificatesOptions): Certificates {
  const held = new Map<string, Held>();
  let minute = { startsAtMs: -Infinity, fetches: 0 };

  async function fetchCounted(url: string): Promise<Buffer> {
    if (nowMs() - minute.startsAtMs >= 60_000) minute = { startsAtMs: nowMs(), fetches: 0 };
    if (++minute.fetches > fetchesPerMinuteMax) throw new Error(`more than ${fetchesPerMinuteMax} certificates in a minute`);
    return (await fetch(url)).body;
  }

  async function load(url: URL, trust: SnsScheme['certificateTrust']): Promise<Found> {
    let bundle: readonly X509Certificate[] | undefined;
    try {
      bundle = findBundle(await fetchCounted(url.href));
    } catch (error) {
      onFailure(error);
      return 'unavailable';
    }
    const [certificate, ...intermediates] = bundle ?? [];
    if (certificate === undefined) return 'refused';
    if (trust === 'host') return { certificate };
    const hosts = [url.hostname, 'sns.amazonaws.com'];
    for (let issuers = 0; issuers <= issuersMax; issuers++) {
      const chain = checkChain(certificate, { intermediates, roots, hosts, nowMs: nowMs() });
      if (chain.kind === 'trusted') return { certificate };
      const address = chain.kind === 'incomplete' ? findIssuerUrl(chain.last) : undefined;
      if (address === undefined) return 'refused';
      try {
        intermediates.push(...(findBundle(await fetchCounted(address)) ?? []));
      } catch (error) {
        onFailure(error);
        return 'unavailable';
      }
    }
    return 'refused';
  }

  function hold(name: string, found: Promise<Found>): Promise<Found> {
    held.delete(name);
    held.set(name, { found, untilMs: nowMs() + keepMs });
    if (held.size > heldMax) held.delete(held.keys().next().value!);
    void found.then((outcome) => {
      if (typeof outcome !== 'string' || held.get(name)?.found !== found) return;
      held.set(name, { found, untilMs: nowMs() + (outcome === 'refused' ? refusedMs : unavailableMs) });
    });
    return found;
  }

  return {
    async find(url, trust) {
      const name = `${trust} ${url.href}`;
      const known = held.get(name);
      const found = await (known !== undefined && nowMs() < known.untilMs ? known.found : hold(name, load(url, trust)));
      if (typeof found === 'string') return found;
      const { validFromDate, validToDate, publicKey } = found.certificate;
      return validFromDate.getTime() <= nowMs() && nowMs() < validToDate.getTime() ? publicKey : 'refused';
    },
  };
}

/** PEM, one or several, or DER; undefined for what is none. */
function findBundle(bytes: Buffer): readonly X509Certificate[] | undefined {
  const blocks = bytes.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return (blocks.length > 0 ? blocks.slice(0, 10) : [bytes]).map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

/**
 * Where a certificate says that its issuer's is (RFC 5280, section 4.2.2.1), if that is at Amazon's CA: a file of SNS may hold its own
 * certificate alone. By http too, for what comes is proved by its signature.
 */
function findIssuerUrl({ infoAccess }: X509Certificate): string | undefined {
  const text = /^CA Issuers - URI:"?(\S+?)"?$/m.exec(infoAccess ?? '')?.[1];
  const url = text === undefined ? null : URL.parse(text);
  const isAmazon = url !== null && /^https?:$/.test(url.protocol) && /(?:^|\.)amazontrust\.com$/.test(url.hostname) && url.port === '';
  return isAmazon ? url.href : undefined;
}
