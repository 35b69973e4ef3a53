import type { Event } from '@waybill/domain';
import {
  candidateChangesMax,
  changedDocuments,
  findCandidate,
  type CandidateChange,
  versionOf,
  withChanges,
  type Document,
  type DocumentChange,
  type Rulebook,
} from '@waybill/policy-engine';
import { changesAlong, createChangedOver, versionsMax, type ChangedOver } from '../changed-over.ts';

/** A candidate: what would decide if it were in force. It never is; what it would decide is compared, and told where it differs. */
export type Shadow = {
  /** Of its start. Another start is another shadow, also of the same candidate. */
  readonly id: string;
  readonly candidate: string;
  /** The policies in force with the changes of the candidate; null where there is a fault. */
  readonly rulebook: Rulebook | null;
  /** Why nothing can be decided by it; empty where all is well. */
  readonly fault: string;
  /** Of what is compared: it changes with the candidate and with the policies in force. */
  readonly version: string;
  /** All that can make a comparison by one of these versions another one by the last; undefined where that may be anything. */
  readonly changedOver: ChangedOver;
};

/** The policies in force, and what has changed in them since they were looked at last. */
export type Changed = { readonly after: Rulebook; readonly changes: readonly DocumentChange[] };

/** @throws Error that says why it cannot be used; faults of what is in force are no reason to throw */
export type ReadDocument = (change: CandidateChange) => Document;

/** Changes that are made one by one. */
const partMax = 100;
type Known = { readonly overlay: ReadonlyMap<string, DocumentChange>; readonly shadow: Shadow };

/**
 * Reads the candidate from what lies beside the policies, and keeps it over them while they change. Never throws: whatever is wrong with
 * a candidate is its fault, and stops nothing.
 */
export function createShadowReader(read: ReadDocument): (events: readonly Event[], changed: Changed) => Shadow | undefined {
  let known: Known | undefined;
  const history: Compared[] = [];
  return (events, { after, changes }) => {
    const own = findCandidate(events);
    if (own === undefined) return (known = undefined);
    const { shadowId: id, candidate } = own[0]!.data;
    const last = known?.shadow.id === id ? known : undefined;
    if (last !== undefined && changes.length === 0) return last.shadow;
    try {
      const base = last?.shadow.rulebook ?? undefined;
      const overlay = last === undefined || base === undefined ? overlayOf(own, read) : last.overlay;
      const rulebook =
        base === undefined
          ? laidOver(after, [...overlay.values()])
          : withChanges(
              base,
              changes.filter((change) => !overlay.has(change.id)),
            );
      const version = `${id} ${versionOf(after)}`; // What the candidate comes to follows from these two.
      history.push({ version, active: after, candidate: rulebook });
      history.splice(0, history.length - versionsMax);
      known = { overlay, shadow: { id, candidate, rulebook, fault: '', version, changedOver: changesIn(id, [...history]) } };
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      known = { overlay: new Map(), shadow: { id, candidate, rulebook: null, fault, version: `${id} -`, changedOver: () => [] } };
    }
    return known.shadow;
  };
}

/** A part at a time: what is compiled anew in one go is all that there is, however much of it stays. */
function laidOver(rulebook: Rulebook, changes: readonly DocumentChange[]): Rulebook {
  let laid = rulebook;
  for (let from = 0; from < changes.length; from += partMax) laid = withChanges(laid, changes.slice(from, from + partMax));
  return laid;
}

function overlayOf(changes: readonly CandidateChange[], read: ReadDocument): ReadonlyMap<string, DocumentChange> {
  if (changes.length > candidateChangesMax)
    throw new Error(`it changes ${changes.length} policies, over the limit of ${candidateChangesMax}`);
  return new Map(
    changes.map((change) => {
      const { policyId: id, document } = change.data;
      return [id, { id, document: document === null ? undefined : read(change) }];
    }),
  );
}

type Compared = { readonly version: string; readonly active: Rulebook; readonly candidate: Rulebook };

const changesIn = (id: string, history: readonly Compared[]): ChangedOver =>
  createChangedOver((versions) => {
    // What was told of another shadow counts for nothing: before the first version of this one, no tag differed.
    const own = versions.slice(versions.findLastIndex((version) => !version.startsWith(`${id} `) && version !== '') + 1);
    const compared = own.map((version) => history.find((each) => each.version === version));
    const later = changesAlong(compared, (before, after) => [
      ...changedDocuments(before.active, after.active),
      ...changedDocuments(before.candidate, after.candidate),
    ]);
    const [first] = compared;
    const isStart = own.length < versions.length && first !== undefined;
    return later && [...(isStart ? changedDocuments(first.active, first.candidate) : []), ...later];
  });
