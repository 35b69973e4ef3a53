import { secretSchemes } from '../auth/scheme.ts';
import type { Secret } from '../auth/secret.ts';
import type { Source } from '../source.ts';
import { sources } from '../sources/all.ts';
import type { Endpoint } from './endpoint.ts';

const soonMs = 14 * 86_400_000;
const differentCharactersMin = 8;
const placeholder = /change-?me|password|secret|example|test|12345|qwerty|placeholder/i;

/** What is allowed, but should not stay so: in words for people, without any secret. */
export type Advice = { readonly endpoint: string; readonly message: string };

/** What to look at before it hurts. @param nowMs decides what is about to end */
export function adviseOn(endpoints: readonly Endpoint[], nowMs: number): readonly Advice[] {
  const openers = new Map<string, string>();
  return endpoints.flatMap((endpoint) => {
    const { name, kind, auth, secrets, settings } = endpoint;
    const known: Source = sources[kind];
    const told: string[] = [];
    if (auth.scheme !== 'none' && !known.auth.includes(auth.scheme))
      told.push(`${known.title} does not do ${auth.scheme} by itself (${known.auth.join(', ')}); something in between has to`);
    if (auth.scheme === 'none') told.push('anybody can announce any image');
    if (auth.scheme === 'none' && settings.allowedHosts === null && settings.registryHost === null)
      told.push('set registryHost or allowedHosts, so that not every registry can be spoken of');
    for (const secret of secrets) {
      const other = openers.get(secret.value);
      if (other !== undefined) told.push(`secret ${secret.id} is the same as ${other}: who has one has both`);
      openers.set(secret.value, `${secret.id} of ${name}`);
      told.push(...adviseOnSecret(secret, nowMs));
    }
    const isOver = (secret: Secret): boolean => secret.notAfterMs !== null && secret.notAfterMs <= nowMs;
    if ((secretSchemes as readonly string[]).includes(auth.scheme) && secrets.every(isOver))
      told.push('no secret is valid: it refuses everybody');
    return told.map((message) => ({ endpoint: name, message }));
  });
}

function adviseOnSecret({ id, value, notAfterMs }: Secret, nowMs: number): readonly string[] {
  const told: string[] = [];
  if (new Set(value).size < differentCharactersMin || placeholder.test(value)) told.push(`secret ${id} is easy to guess; draw another`);
  if (notAfterMs === null || notAfterMs > nowMs + soonMs) return told;
  const day = new Date(notAfterMs).toISOString().slice(0, 10);
  return [...told, notAfterMs <= nowMs ? `secret ${id} has ended on ${day}; take it out` : `secret ${id} ends on ${day}`];
}
