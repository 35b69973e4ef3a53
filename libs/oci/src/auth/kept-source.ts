import type { Credentials, CredentialSource } from './credentials.ts';
import { singleFlight } from './single-flight.ts';

const keptMs = 60_000;
/** They are asked for anew before their end, so that they do not end on the way. */
const marginMs = 60_000;
const findMsMax = 60_000;

/**
 * Keeps what a slow source has found: until a minute before its end, and a minute where it says none. Many who ask at once are one
 * question. What was not found, or failed, is asked for again.
 */
export function keptSource(source: CredentialSource, nowMs: () => number): CredentialSource {
  const kept = new Map<string, { readonly credentials: Credentials; readonly untilMs: number }>();
  const ask = singleFlight(async (host, signal) => {
    const credentials = await source.find(host, signal);
    if (credentials) {
      const untilMs = credentials.expiresAtMs === undefined ? nowMs() + keptMs : credentials.expiresAtMs - marginMs;
      kept.set(host, { credentials, untilMs });
    }
    return credentials;
  }, findMsMax);
  return {
    async find(host, signal) {
      const found = kept.get(host);
      return found && found.untilMs > nowMs() ? found.credentials : ask(host, signal);
    },
  };
}
