import type { Event, PolicyPublished, PolicyTrace } from '@waybill/domain';
import { parsePolicy, policySetVersion, type ParsedPolicy, type Policy } from '@waybill/policy-engine';
import { parse } from 'yaml';

/** The policies in force, and the ones that cannot be. */
export type PolicySet = {
  readonly policies: readonly Policy[];
  /** One line per policy that is not valid: it decides nothing and stops no other, and every trace says so. */
  readonly broken: readonly PolicyTrace[];
  readonly version: string;
};

const documentLengthMax = 262_144;
const brokenShownMax = 10;

/**
 * Reads the newest event per policy id. Parsing is cached by text, and the set as long as no event changes, so that a decision
 * does not pay for policies that it has seen; the cache holds what is in force and no more.
 */
export function createPolicyReader(): (events: readonly Event[]) => PolicySet {
  let parsed = new Map<string, ParsedPolicy>();
  let last: { readonly events: readonly Event[]; readonly set: PolicySet } | undefined;
  return (events) => {
    if (last && isSame(last.events, events)) return last.set;
    const next = new Map<string, ParsedPolicy>();
    for (const { type, data } of events) {
      if (type !== 'PolicyPublished') continue; // PolicyRetired is the newest of its id: nothing is in force.
      const cacheKey = `${data.policyId}\n${data.document}`;
      next.set(cacheKey, parsed.get(cacheKey) ?? parsePublished(data));
    }
    parsed = next;
    last = { events, set: setOf(next) };
    return last.set;
  };
}

const isSame = (a: readonly Event[], b: readonly Event[]): boolean =>
  a === b || (a.length === b.length && a.every((event, index) => event === b[index]));

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

function setOf(parsed: ReadonlyMap<string, ParsedPolicy>): PolicySet {
  const policies: Policy[] = [];
  const lines: PolicyTrace[] = [];
  for (const [cacheKey, result] of parsed) {
    const policyId = cacheKey.slice(0, cacheKey.indexOf('\n'));
    if (result.ok) policies.push(result.policy);
    else lines.push({ policyId, matched: false, outcome: 'not-matched', reason: `is not valid: ${result.faults.slice(0, 3).join('; ')}` });
  }
  return { policies, broken: lines.slice(0, brokenShownMax), version: policySetVersion(policies) };
}
