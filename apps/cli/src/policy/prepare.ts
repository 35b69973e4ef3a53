import { compileRulebook, type KnownRegistry, type Rulebook } from '@waybill/policy-engine';
import { checkTogether, type CheckedPolicies, type PolicyRemark } from './findings.ts';
import { fileInLog, parsePolicyText, type FileFault, type PolicyFile, type PolicyText } from './folder.ts';
import type { Plan } from './plan.ts';
import type { PolicyLog } from './policy-log.ts';

/** A plan, and what it would come to. */
export type Prepared = Pick<CheckedPolicies, 'remarks' | 'unfinished'> & {
  readonly plan: Plan;
  /** What is in force now, and what would be. */
  readonly before: Rulebook;
  readonly after: Rulebook;
};

export type Known = {
  /** Read already, so that they are not read again. */
  readonly files: readonly PolicyFile[];
  readonly faults: readonly FileFault[];
  readonly registries: readonly KnownRegistry[] | undefined;
};

/** Looks at the set that would be in force, as a whole. */
export function prepare({ inForce }: PolicyLog, plan: Plan, { files, faults, registries }: Known): Prepared {
  const read = policyReader(files);
  const after = new Map<string, PolicyText>([...inForce].map(([id, { data }]) => [id, data]));
  for (const change of plan.changes) {
    if (change.after === null) after.delete(change.policyId);
    else after.set(change.policyId, change.after);
  }
  const changedIds = new Set(plan.changes.map(({ policyId }) => policyId));
  const results = [...after.values()].map((text) => ({ isChanged: changedIds.has(text.policyId), ...read(text) }));
  const faultsOf = (isChanged: boolean): readonly FileFault[] =>
    results.flatMap((each) => (each.isChanged === isChanged ? each.faults : []));
  const valid = results.flatMap(({ file }) => file ?? []);
  const { remarks, unfinished } = checkTogether(valid, [...faults, ...faultsOf(true)], registries);
  // What is in force already and stays as it is, is not in the way of the plan.
  const stays = faultsOf(false).map((fault): PolicyRemark => ({
    ...fault,
    ...{ code: 'POLICY_INVALID', severity: 'warning', policyIds: [], witness: null },
  }));
  return {
    plan,
    remarks: [...remarks, ...stays],
    unfinished,
    before: compileRulebook([...inForce.values()].flatMap(({ data }) => read(data).file?.document ?? [])),
    after: compileRulebook(valid.map(({ document }) => document)),
  };
}

type ReadText = { readonly file?: PolicyFile; readonly faults: readonly FileFault[] };

/** Reads each text once, however often it is asked for. */
function policyReader(files: readonly PolicyFile[]): (text: PolicyText) => ReadText {
  const known = new Map<string, ReadText>(files.map((file) => [file.text.documentSha256, { file, faults: [] }]));
  return ({ policyId, document, documentSha256 }) => {
    const found = known.get(documentSha256);
    if (found !== undefined) return found;
    const read = parsePolicyText(fileInLog(policyId), document);
    const result: ReadText = 'faults' in read ? read : { file: read, faults: [] };
    known.set(documentSha256, result);
    return result;
  };
}
