import { findById, sortById, withItem, withoutItem, type ById } from './by-id.ts';
import { canonical, sha256 } from './canonical.ts';
import { checkDocument, documentIdOf, type OtherKind, type PolicyKind, type Written } from './document/document.ts';
import { oncePer } from './once.ts';
import { compilePolicy, isPolicyDocument, type Policy } from './policy.ts';
import { compileSet, withoutPolicy, withPolicy, withSurroundings, type CompiledSet } from './set/compiled-set.ts';
import { noSurroundings, type Surroundings } from './surroundings.ts';

/** A valid document, ready for use. */
export type Document = Policy | OtherDocument;
/** What policies look up. */
export type OtherDocument = { readonly id: string; readonly document: Written<OtherKind>; readonly documentSha256: string };

export type ParsedDocument =
  { readonly ok: true; readonly document: Document } | { readonly ok: false; readonly faults: readonly string[] };

/**
 * A document of any kind that has been read from YAML or JSON. Never throws: a broken one is a value, so that it stops no other.
 * @returns the document, or all of its faults, each with its path
 */
export function parseDocument(value: unknown): ParsedDocument {
  const checked = checkDocument(value);
  if (!checked.ok) return checked;
  const { document } = checked;
  if (isPolicyDocument(document)) {
    const parsed = compilePolicy(document);
    return parsed.ok ? { ok: true, document: parsed.policy } : parsed;
  }
  return { ok: true, document: { id: documentIdOf(document), document, documentSha256: sha256(canonical(document)) } };
}

/** All that is published, ready to decide by. Immutable: a change gives another one that shares nearly all with it. */
export type Rulebook = {
  readonly replication: CompiledSet;
  readonly admission: CompiledSet;
  readonly documents: ById<Document>;
};

/**
 * SHA-256 in hex over a line per document in the order of their ids, `<SHA-256 of its canonical document>  <id>`: the same whatever
 * order they came in, however their YAML is laid out and whatever was in force before. Made when it is first asked for.
 */
export const versionOf = oncePer(({ documents }: Rulebook): string =>
  sha256(documents.map(({ id, documentSha256 }) => `${documentSha256}  ${id}\n`).join('')),
);

/** Of documents with the same id the last one counts. */
export function compileRulebook(given: readonly Document[]): Rulebook {
  const documents = sortById(given);
  const policies = documents.filter(isPolicy);
  const surroundings = surroundingsOf(documents);
  const setOf = (kind: PolicyKind): CompiledSet =>
    withSurroundings(compileSet(policies.filter(({ document }) => document.kind === kind)), surroundings);
  return { documents, replication: setOf('ReplicationPolicy'), admission: setOf('AdmissionPolicy') };
}

/** With this document, in place of one that has its id. */
export function withDocument(rulebook: Rulebook, document: Document): Rulebook {
  const documents = withItem(rulebook.documents, document);
  const sets = isPolicy(document) ? changeSets(rulebook, document, (set) => withPolicy(set, document)) : surrounded(rulebook, documents);
  return { documents, ...sets };
}

/** Without the document of this id; the rulebook itself where it has none. */
export function withoutDocument(rulebook: Rulebook, id: string): Rulebook {
  const document = findDocument(rulebook, id);
  if (document === undefined) return rulebook;
  const documents = withoutItem(rulebook.documents, id);
  const sets = isPolicy(document) ? changeSets(rulebook, document, (set) => withoutPolicy(set, id)) : surrounded(rulebook, documents);
  return { documents, ...sets };
}

/** What becomes of one document; undefined: it is gone. */
export type DocumentChange = { readonly id: string; readonly document: Document | undefined };

/** Changing more of them one by one costs more than compiling all of them. */
const changesMax = 100;

/** With these changes, in their order. */
export function withChanges(rulebook: Rulebook, changes: readonly DocumentChange[]): Rulebook {
  if (changes.length <= changesMax)
    return changes.reduce(
      (changed, { id, document }) => (document === undefined ? withoutDocument(changed, id) : withDocument(changed, document)),
      rulebook,
    );
  const byId = new Map(rulebook.documents.map((document) => [document.id, document]));
  for (const { id, document } of changes) {
    if (document === undefined) byId.delete(id);
    else byId.set(id, document);
  }
  return compileRulebook([...byId.values()]);
}

/** The document of this id. */
export const findDocument = ({ documents }: Rulebook, id: string): Document | undefined => findById(documents, id);

export const isPolicy = (document: Document): document is Policy => isPolicyDocument(document.document);

type Sets = Pick<Rulebook, 'replication' | 'admission'>;

const setNames = { ReplicationPolicy: 'replication', AdmissionPolicy: 'admission' } as const satisfies Record<PolicyKind, keyof Sets>;

function changeSets({ replication, admission }: Sets, { document }: Policy, change: (set: CompiledSet) => CompiledSet): Sets {
  const name = setNames[document.kind];
  return { replication, admission, [name]: change(name === 'replication' ? replication : admission) };
}

function surrounded({ replication, admission }: Sets, documents: ById<Document>): Sets {
  const surroundings = surroundingsOf(documents);
  return { replication: withSurroundings(replication, surroundings), admission: withSurroundings(admission, surroundings) };
}

function surroundingsOf(documents: ById<Document>): Surroundings {
  const others = documents.flatMap((each) => (isPolicy(each) ? [] : [each.document]));
  if (others.length === 0) return noSurroundings;
  const ofKind = <K extends OtherKind>(kind: K): ReadonlyMap<string, Written<K>> =>
    new Map(others.flatMap((each) => (each.kind === kind ? [[each.metadata.name, each as Written<K>]] : [])));
  return {
    Registry: ofKind('Registry'),
    Residency: ofKind('Residency'),
    RetentionPolicy: ofKind('RetentionPolicy'),
    Tenant: ofKind('Tenant'),
    Exception: ofKind('Exception'),
  };
}
