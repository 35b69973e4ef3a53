import { compileRulebook, oncePer, versionOf, withChanges, type Document } from '@waybill/policy-engine';
import { parseTime } from '../options.ts';
import { policyLogOf, type PolicyEvent, type PolicyLog } from './policy-log.ts';
import type { Vault } from './vault.ts';

/** What was published at once. */
export type PublishedChange = {
  readonly id: string;
  readonly atMs: number;
  readonly author: string;
  /** Empty where nobody said. */
  readonly reason: string;
  readonly events: readonly PolicyEvent[];
};

/** Oldest first. */
export function changesOf({ events }: PolicyLog): readonly PublishedChange[] {
  return [...Map.groupBy(events, ({ meta }) => meta.correlationId)].map(([id, [first, ...others]]) => {
    const { author, reason } = first!.data;
    return { id, atMs: first!.meta.timeMs, author, reason, events: [first!, ...others] };
  });
}

/** What an event changed, in a word. */
export const kindOf = ({ type, data }: PolicyEvent): 'added' | 'changed' | 'retired' =>
  type === 'PolicyRetired' ? 'retired' : data.previousSha256 === null ? 'added' : 'changed';

/**
 * The log as it stood after a change, at a time, or when the policies in force were of a version that a decision names.
 * @param to The beginning of a change's id or of a version, 8 characters at least; or a time as `parseTime` takes it
 * @returns undefined where it never stood so
 */
export function findStateAt(log: PolicyLog, to: string, vault: Vault): PolicyLog | undefined {
  const atMs = timeOf(to) ?? findChange(log, to, vault)?.atMs;
  const events = atMs === undefined ? [] : log.events.filter(({ meta }) => meta.timeMs <= atMs);
  return events.length === 0 ? undefined : policyLogOf(events);
}

/** What can be read of what is in force. */
export const documentsInForce = ({ inForce }: PolicyLog, vault: Vault): readonly Document[] =>
  [...inForce.values()].flatMap((event) => documentOf(event, vault) ?? []);

function timeOf(text: string): number | undefined {
  try {
    return parseTime(text);
  } catch {
    return undefined;
  }
}

function findChange(log: PolicyLog, to: string, vault: Vault): PublishedChange | undefined {
  if (!/^[0-9a-f-]{8,64}$/.test(to)) return undefined;
  return changesOf(log).find(({ id }) => id.startsWith(to)) ?? findVersion(log, to, vault);
}

/** The newest change after which the policies were of this version. */
function findVersion(log: PolicyLog, version: string, vault: Vault): PublishedChange | undefined {
  let rulebook = compileRulebook([]);
  let found: PublishedChange | undefined;
  for (const change of changesOf(log)) {
    rulebook = withChanges(
      rulebook,
      change.events.map((event) => ({ id: event.data.policyId, document: documentOf(event, vault) })),
    );
    if (versionOf(rulebook).startsWith(version)) found = change;
  }
  return found;
}

const documentOf = (event: PolicyEvent, vault: Vault): Document | undefined => documentsIn(vault)(event);

/** Whoever looks for a state reads all before it, and then what was in force. */
const documentsIn = oncePer((vault: Vault) =>
  oncePer((event: PolicyEvent): Document | undefined => {
    if (event.type === 'PolicyRetired') return undefined;
    const read = vault.read(event.data);
    return read === 'sealed' || 'faults' in read ? undefined : read.document;
  }),
);
