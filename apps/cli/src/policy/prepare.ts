import { compileRulebook, revealed, type KnownRegistry, type Rulebook } from '@waybill/policy-engine';
import { checkTogether, sealedRemark, type CheckedPolicies, type PolicyRemark } from './findings.ts';
import type { FileFault, PolicyFile, PolicyText } from './folder.ts';
import type { Plan } from './plan.ts';
import type { PolicyLog } from './policy-log.ts';
import type { Vault } from './vault.ts';

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
  readonly vault: Vault;
};

/** Looks at the set that would be in force, as a whole. */
export function prepare({ inForce }: PolicyLog, plan: Plan, { files, faults, registries, vault }: Known): Prepared {
  const read = policyReader(files, vault);
  const after = new Map<string, PolicyText>([...inForce].map(([id, { data }]) => [id, data]));
  for (const change of plan.changes) {
    if (change.after === null) after.delete(change.policyId);
    else after.set(change.policyId, change.after);
  }
  const changedIds = new Set(plan.changes.map(({ policyId }) => policyId));
  const results = [...after.values()].map((text) => ({ policyId: text.policyId, isChanged: changedIds.has(text.policyId), ...read(text) }));
  const sealedIds = results.flatMap(({ isSealed, policyId }) => (isSealed ? [policyId] : []));
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
    remarks: [...remarks, ...stays, ...sealedIds.map(sealedRemark)],
    unfinished,
    before: compileRulebook([...inForce.values()].flatMap(({ data }) => documentsOf(read(data)))),
    after: compileRulebook(results.flatMap(documentsOf)),
  };
}

type ReadText = { readonly file?: PolicyFile; readonly faults: readonly FileFault[]; readonly isSealed?: true };

/** Whoever has the text may read the reasons. */
const documentsOf = ({ file }: ReadText) => (file === undefined ? [] : [revealed(file.document)]);

/** Reads each text once, however often it is asked for. */
function policyReader(files: readonly PolicyFile[], vault: Vault): (text: PolicyText) => ReadText {
  const known = new Map<string, ReadText>(files.map((file) => [file.text.documentSha256, { file, faults: [] }]));
  return (text) => {
    const found = known.get(text.documentSha256);
    if (found !== undefined) return found;
    const read = vault.read(text);
    const result: ReadText = read === 'sealed' ? { faults: [], isSealed: true } : 'faults' in read ? read : { file: read, faults: [] };
    known.set(text.documentSha256, result);
    return result;
  };
}
