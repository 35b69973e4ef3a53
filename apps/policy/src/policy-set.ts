import type { Event, PolicyTrace } from '@waybill/domain';
import {
  changedDocuments,
  compileRulebook,
  isSealed,
  parseDocument,
  unseal,
  versionOf,
  type KeyRing,
  type Document,
  type DocumentChange,
  withChanges,
  type ParsedDocument,
  type Rulebook,
} from '@waybill/policy-engine';
import { StreamError } from '@waybill/stream';
import { parse } from 'yaml';
import { changesAlong, createChangedOver, versionsMax, type ChangedOver } from './changed-over.ts';
import { createShadowReader, type Shadow } from './shadow/read-shadow.ts';

/** The policies in force, and the ones that cannot be. */
export type PolicySet = {
  readonly rulebook: Rulebook;
  /** One line per policy that is not valid: it decides nothing and stops no other, and every trace says so. */
  readonly broken: readonly PolicyTrace[];
  readonly changedOver: ChangedOver;
  /** What is compared with them, where something is. */
  readonly shadow: Shadow | undefined;
};

const documentLengthMax = 262_144;
const brokenShownMax = 10;
type Published = { readonly event: Event; readonly parsed: ParsedDocument };

/**
 * Reads the newest event per policy id. What has not changed is neither parsed nor compiled again: an input without a change of
 * policies pays nothing, a change of one policy pays for that one.
 *
 * While a confidential policy is in force that `keys` do not open, nothing can be decided: it may forbid what others allow, and to hold or
 * deny all that it may be about would take back what it allows.
 * @throws StreamError `KEY_MISSING`, which ends the process: the log keeps what is to be decided
 */
export function createPolicyReader(keys?: KeyRing): (events: readonly Event[]) => PolicySet {
  let known: ReadonlyMap<string, Published> = new Map();
  let last: { readonly events: readonly Event[]; readonly set: PolicySet } = {
    events: [],
    set: { rulebook: compileRulebook([]), broken: [], changedOver: () => undefined, shadow: undefined },
  };
  const history: Rulebook[] = [];
  const readShadow = createShadowReader(({ data: { policyId, document, documentSha256 } }) =>
    validOf(policyId, parsePublished({ policyId, document: document ?? '', documentSha256: documentSha256 ?? '' }, keys)),
  );
  return (events) => {
    if (last.events === events) return last.set;
    const next = new Map<string, Published>();
    for (const event of events) {
      if (event.type !== 'PolicyPublished') continue; // PolicyRetired is the newest of its id: nothing is in force.
      const { policyId } = event.data;
      const before = known.get(policyId);
      next.set(
        policyId,
        before !== undefined && isSame(before.event, event) ? before : { event, parsed: parsePublished(event.data, keys) },
      );
    }
    const changes = changesBetween(known, next);
    const set = withPolicies(last.set, changes, next);
    const shadow = readShadow(events, { after: set.rulebook, changes });
    if (history.at(-1) !== set.rulebook) history.push(set.rulebook);
    history.splice(0, history.length - versionsMax);
    last = { events, set: { ...set, changedOver: changesIn([...history]), shadow } };
    known = next;
    return last.set;
  };
}

const isSame = (before: Event, event: Event): boolean =>
  before === event ||
  (before.type === 'PolicyPublished' && event.type === 'PolicyPublished' && before.data.document === event.data.document);

const changesIn = (history: readonly Rulebook[]): ChangedOver =>
  createChangedOver((versions) =>
    changesAlong(
      versions.map((version) => history.find((rulebook) => versionOf(rulebook) === version)),
      changedDocuments,
    ),
  );

function changesBetween(before: ReadonlyMap<string, Published>, after: ReadonlyMap<string, Published>): readonly DocumentChange[] {
  const gone = [...before.keys()].filter((id) => !after.has(id));
  const come = [...after].filter(([id, { parsed }]) => before.get(id)?.parsed !== parsed);
  return [
    ...gone.map((id) => ({ id, document: undefined })),
    ...come.map(([id, { parsed }]) => ({ id, document: parsed.ok ? parsed.document : undefined })),
  ];
}

function withPolicies(set: PolicySet, changes: readonly DocumentChange[], after: ReadonlyMap<string, Published>): PolicySet {
  if (changes.length === 0) return set;
  return {
    ...set,
    rulebook: withChanges(set.rulebook, changes),
    broken: [...after].flatMap(([id, { parsed }]) => (parsed.ok ? [] : [brokenLine(id, parsed.faults)])).slice(0, brokenShownMax),
  };
}

const brokenLine = (policyId: string, faults: readonly string[]): PolicyTrace => ({
  ...{ policyId, matched: false, outcome: 'not-matched' },
  reason: brokenText(faults),
});

const brokenText = (faults: readonly string[]): string => `is not valid: ${faults.slice(0, 3).join('; ')}`;

/** @throws Error that names the policy and what is wrong with it */
function validOf(policyId: string, parsed: ParsedDocument): Document {
  if (parsed.ok) return parsed.document;
  throw new Error(`policy ${policyId} ${brokenText(parsed.faults)}`);
}

type Text = { readonly policyId: string; readonly document: string; readonly documentSha256: string };

function parsePublished({ policyId, document, documentSha256 }: Text, keys: KeyRing | undefined): ParsedDocument {
  if (!isSealed(document)) return parseText(policyId, document);
  const opened = unseal(document, policyId, keys);
  if (!opened.ok) throw new StreamError('KEY_MISSING', `policy ${policyId} is confidential, and ${opened.reason}`);
  const parsed = parseText(policyId, opened.text);
  if (parsed.ok && parsed.document.document.metadata.sensitive !== true) return broken('is sealed, and does not say that it is sensitive');
  // What is wrong with it would show what it asks for; and by the digest of its text one could try what that is.
  return parsed.ok ? { ok: true, document: { ...parsed.document, documentSha256 } } : broken('is confidential, and not valid');
}

function parseText(policyId: string, document: string): ParsedDocument {
  if (document.length > documentLengthMax) return broken(`has more than ${documentLengthMax} characters`);
  let value: unknown;
  try {
    value = parse(document, { uniqueKeys: true, maxAliasCount: 100 });
  } catch {
    return broken('is no valid YAML');
  }
  const result = parseDocument(value);
  if (result.ok && result.document.id !== policyId)
    return broken(`is published as ${policyId}, but its kind and metadata.name say ${result.document.id}`);
  return result;
}

const broken = (fault: string): ParsedDocument => ({ ok: false, faults: [fault] });
