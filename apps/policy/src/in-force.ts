import { createHash } from 'node:crypto';
import type { Event } from '@waybill/domain';
import {
  choosersIn,
  oncePer,
  troublesIn,
  versionOf,
  type Document,
  type KeyRing,
  type Rulebook,
  type KnownFacts,
} from '@waybill/policy-engine';
import { createFactsReader } from './known-facts.ts';
import { concernedMax } from './changed-over.ts';
import { createPolicyReader, type PolicySet } from './policy-set.ts';

/** All that decisions are made by, beside what is known of each image. */
export type InForce = PolicySet & { readonly known: KnownFacts };

/** The shared tables that it is read from, by their names. */
export const tableNames = ['policies', 'health', 'usage'] as const;
type TableName = (typeof tableNames)[number];

/** As long as the tables are the same, so is the result. */
export function createInForceReader(keys?: KeyRing): (table: (name: TableName) => readonly Event[]) => InForce {
  const [readPolicies, readFacts] = [createPolicyReader(keys), createFactsReader()];
  let last: { readonly set: PolicySet; readonly inForce: InForce } | undefined;
  return (table) => {
    const [set, known] = [readPolicies(table('policies')), readFacts(table('health'), table('usage'))];
    if (last?.set !== set || last.inForce.known !== known) last = { set, inForce: { ...set, known } };
    return last.inForce;
  };
}

const separator = '+';

/** What tags are compared with when it changes: the documents, and what is known of registries as far as a choice can turn on it. */
export const versionInForce = oncePer(({ rulebook, known }: InForce): string => withTroubles(versionOf(rulebook), rulebook, known));

/** The same of a candidate; empty where there is none. */
export const versionBeside = oncePer(({ shadow, known }: InForce): string =>
  shadow === undefined ? '' : shadow.rulebook === null ? shadow.version : withTroubles(shadow.version, shadow.rulebook, known),
);

function withTroubles(version: string, rulebook: Rulebook, { registries }: KnownFacts): string {
  const troubles = troublesIn(rulebook, registries);
  if (troubles.length === 0) return version;
  return `${version}${separator}${createHash('sha256').update(troubles.join('\n')).digest('hex').slice(0, 16)}`;
}

/** Whether the documents are the same in all of these versions: then only what is known of registries has changed between them. */
export const haveSameDocuments = (versions: readonly string[]): boolean =>
  new Set(versions.map((version) => partsOf(version)[0])).size === 1;

/** As `changedOver` of the policies, for versions in force: where what is known of registries has changed, all that chooses may have. */
export function changedInForce(
  { rulebook, changedOver }: Pick<PolicySet, 'rulebook' | 'changedOver'>,
  versions: readonly string[],
): readonly Document[] | undefined {
  const parts = versions.map(partsOf);
  const documents = parts.map(([version]) => version);
  const changed = changedOver(documents.filter((version, at) => at === 0 || version !== documents[at - 1]));
  if (changed === undefined || parts.every(([, troubles], at) => at === 0 || troubles === parts[at - 1]![1])) return changed;
  const concerned = [...changed, ...choosersIn(rulebook)];
  return concerned.length > concernedMax ? undefined : concerned;
}

/** The same of a candidate. */
export const changedBeside = ({ shadow }: InForce, versions: readonly string[]): readonly Document[] | undefined =>
  shadow === undefined || shadow.rulebook === null ? [] : changedInForce({ ...shadow, rulebook: shadow.rulebook }, versions);

function partsOf(version: string): readonly [documents: string, troubles: string] {
  const [documents = '', troubles = ''] = version.split(separator);
  return [documents, troubles];
}
