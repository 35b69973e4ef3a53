import type { Event, PolicyPublished, PolicyTrace } from '@waybill/domain';
import { compileRulebook, parseDocument, withDocument, withoutDocument, type ParsedDocument, type Rulebook } from '@waybill/policy-engine';
import { parse } from 'yaml';

/** The policies in force, and the ones that cannot be. */
export type PolicySet = {
  readonly rulebook: Rulebook;
  /** One line per policy that is not valid: it decides nothing and stops no other, and every trace says so. */
  readonly broken: readonly PolicyTrace[];
};

const documentLengthMax = 262_144;
const brokenShownMax = 10;
/** Changing more of them one by one costs more than compiling the whole set. */
const changesMax = 100;

type Published = { readonly event: Event; readonly parsed: ParsedDocument };

/**
 * Reads the newest event per policy id. What has not changed is neither parsed nor compiled again: an input without a change of
 * policies pays nothing, a change of one policy pays for that one.
 */
export function createPolicyReader(): (events: readonly Event[]) => PolicySet {
  let known: ReadonlyMap<string, Published> = new Map();
  let last: { readonly events: readonly Event[]; readonly set: PolicySet } = {
    events: [],
    set: { rulebook: compileRulebook([]), broken: [] },
  };
  return (events) => {
    if (last.events === events) return last.set;
    const next = new Map<string, Published>();
    for (const event of events) {
      if (event.type !== 'PolicyPublished') continue; // PolicyRetired is the newest of its id: nothing is in force.
      const { policyId } = event.data;
      const before = known.get(policyId);
      next.set(policyId, before !== undefined && isSame(before.event, event) ? before : { event, parsed: parsePublished(event.data) });
    }
    last = { events, set: changed(last.set, known, next) };
    known = next;
    return last.set;
  };
}

const isSame = (before: Event, event: Event): boolean =>
  before === event ||
  (before.type === 'PolicyPublished' && event.type === 'PolicyPublished' && before.data.document === event.data.document);

function changed(set: PolicySet, before: ReadonlyMap<string, Published>, after: ReadonlyMap<string, Published>): PolicySet {
  const gone = [...before.keys()].filter((id) => !after.has(id));
  const come = [...after].filter(([id, { parsed }]) => before.get(id)?.parsed !== parsed);
  if (gone.length + come.length === 0) return set;
  return {
    rulebook:
      gone.length + come.length > changesMax
        ? compileRulebook([...after.values()].flatMap(({ parsed }) => (parsed.ok ? [parsed.document] : [])))
        : come.reduce(
            (rulebook, [id, { parsed }]) => (parsed.ok ? withDocument(rulebook, parsed.document) : withoutDocument(rulebook, id)),
            gone.reduce(withoutDocument, set.rulebook),
          ),
    broken: [...after].flatMap(([id, { parsed }]) => (parsed.ok ? [] : [brokenLine(id, parsed.faults)])).slice(0, brokenShownMax),
  };
}

const brokenLine = (policyId: string, faults: readonly string[]): PolicyTrace => ({
  ...{ policyId, matched: false, outcome: 'not-matched' },
  reason: `is not valid: ${faults.slice(0, 3).join('; ')}`,
});

function parsePublished({ policyId, document }: PolicyPublished): ParsedDocument {
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
