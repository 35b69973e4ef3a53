import type { Event, PolicyPublished, PolicyTrace } from '@waybill/domain';
import { compileSet, parsePolicy, withoutPolicy, withPolicy, type CompiledSet, type ParsedPolicy } from '@waybill/policy-engine';
import { parse } from 'yaml';

/** The policies in force, and the ones that cannot be. */
export type PolicySet = {
  readonly compiled: CompiledSet;
  /** One line per policy that is not valid: it decides nothing and stops no other, and every trace says so. */
  readonly broken: readonly PolicyTrace[];
};

const documentLengthMax = 262_144;
const brokenShownMax = 10;
/** Changing more of them one by one costs more than compiling the whole set. */
const changesMax = 100;

type Published = { readonly event: Event; readonly parsed: ParsedPolicy };

/**
 * Reads the newest event per policy id. What has not changed is neither parsed nor compiled again: an input without a change of
 * policies pays nothing, a change of one policy pays for that one.
 */
export function createPolicyReader(): (events: readonly Event[]) => PolicySet {
  let known: ReadonlyMap<string, Published> = new Map();
  let last: { readonly events: readonly Event[]; readonly set: PolicySet } = { events: [], set: { compiled: compileSet([]), broken: [] } };
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
    compiled:
      gone.length + come.length > changesMax
        ? compileSet([...after.values()].flatMap(({ parsed }) => (parsed.ok ? [parsed.policy] : [])))
        : come.reduce(
            (compiled, [id, { parsed }]) => (parsed.ok ? withPolicy(compiled, parsed.policy) : withoutPolicy(compiled, id)),
            gone.reduce(withoutPolicy, set.compiled),
          ),
    broken: [...after].flatMap(([id, { parsed }]) => (parsed.ok ? [] : [brokenLine(id, parsed.faults)])).slice(0, brokenShownMax),
  };
}

const brokenLine = (policyId: string, faults: readonly string[]): PolicyTrace => ({
  ...{ policyId, matched: false, outcome: 'not-matched' },
  reason: `is not valid: ${faults.slice(0, 3).join('; ')}`,
});

function parsePublished({ policyId, document }: PolicyPublished): ParsedPolicy {
  if (document.length > documentLengthMax) return broken(`has more than ${documentLengthMax} characters`);
  let value: unknown;
  try {
    value = parse(document, { uniqueKeys: true, maxAliasCount: 100 });
  } catch {
    return broken('is no valid YAML');
  }
  const result = parsePolicy(value);
  if (result.ok && result.policy.id !== policyId) return broken(`is published as ${policyId}, but metadata.name is ${result.policy.id}`);
  return result;
}

const broken = (fault: string): ParsedPolicy => ({ ok: false, faults: [fault] });
