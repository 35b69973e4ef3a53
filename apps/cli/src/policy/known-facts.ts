import { repositoryKey, topics, type RegistryHealthChanged } from '@waybill/domain';
import { knownFacts, withKnown, type Evidence, type Rulebook } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { KnownImage } from './known-images.ts';
import { rowsOf, type OnRead } from './log-rows.ts';
import { readPulls, readUsage } from './usage-rows.ts';

/** What `apps/policy` decides by beside images: health of registries, usage and pulls, as they are now. */
export async function readKnownFacts(log: EventLog, codec: Codec, onRead?: OnRead) {
  const health = new Map<string, RegistryHealthChanged>();
  for await (const { row } of rowsOf(log, codec, topics.registryHealth, onRead))
    if (row?.type === 'RegistryHealthChanged') health.set(row.data.registry, row.data);
  const { registries, tenants } = await readUsage(log, codec, onRead);
  const told = { health: [...health.values()], registries: [...registries.values()].flat(), tenants: [...tenants.values()].flat() };
  return { known: knownFacts(told), pulls: await readPulls(log, codec, onRead) };
}

/** The evidence that these rulebooks can ask for; the first says whose an image is. */
export const evidenceFor =
  (books: readonly [Rulebook, ...(readonly Rulebook[])], { known, pulls }: Awaited<ReturnType<typeof readKnownFacts>>, atMs: number) =>
  ({ evidence, ...sent }: KnownImage): Evidence =>
    withKnown(evidence, books, { known, ...sent, atMs, pulls: () => pulls.get(repositoryKey(evidence)) ?? [] });
