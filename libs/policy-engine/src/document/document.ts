import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import { Exception, exceptionFaults } from './exception.ts';
import { AdmissionPolicy, contradictionsIn, ReplicationPolicy, type PolicyDocument } from './policies.ts';
import { Registry } from './registry.ts';
import { Residency, residencyFaults } from './residency.ts';
import { RetentionPolicy, retentionFaults } from './retention.ts';
import { Tenant, tenantFaults } from './tenant.ts';

type Kind<D> = {
  readonly schema: TSchema;
  readonly isPolicy: boolean;
  /** What comes before the name in the id of a document; plain names are those of replication policies, the first kind that there was. */
  readonly idPrefix: string;
  /** What its schema cannot say, one line per fault. */
  readonly faultsIn: (document: D) => readonly string[];
};

/** Every kind of document that can be published. Adding one begins here. */
export const kinds = {
  ReplicationPolicy: { schema: ReplicationPolicy, isPolicy: true, idPrefix: '', faultsIn: contradictionsIn } satisfies Kind<PolicyDocument>,
  AdmissionPolicy: {
    schema: AdmissionPolicy,
    isPolicy: true,
    idPrefix: 'admission/',
    faultsIn: contradictionsIn,
  } satisfies Kind<PolicyDocument>,
  Registry: { schema: Registry, isPolicy: false, idPrefix: 'registry/', faultsIn: () => [] } satisfies Kind<Registry>,
  Residency: { schema: Residency, isPolicy: false, idPrefix: 'residency/', faultsIn: residencyFaults } satisfies Kind<Residency>,
  RetentionPolicy: {
    schema: RetentionPolicy,
    isPolicy: false,
    idPrefix: 'retention/',
    faultsIn: retentionFaults,
  } satisfies Kind<RetentionPolicy>,
  Tenant: { schema: Tenant, isPolicy: false, idPrefix: 'tenant/', faultsIn: tenantFaults } satisfies Kind<Tenant>,
  Exception: { schema: Exception, isPolicy: false, idPrefix: 'exception/', faultsIn: exceptionFaults } satisfies Kind<Exception>,
} as const;
/** JSON Schemas (draft-07) of what is written, by kind. */
export const documentSchemas = Object.fromEntries(Object.entries(kinds).map(([kind, { schema }]) => [kind, schema]));
export type DocumentKind = keyof typeof kinds;
export type PolicyKind = { [K in DocumentKind]: (typeof kinds)[K]['isPolicy'] extends true ? K : never }[DocumentKind];
export type OtherKind = Exclude<DocumentKind, PolicyKind>;

/** A document as it is written, valid for its kind. */
export type Written<K extends DocumentKind> = { [Each in K]: Static<(typeof kinds)[Each]['schema']> }[K];
export type WrittenDocument = Written<DocumentKind>;

export const documentIdOf = ({ kind, metadata }: WrittenDocument): string => `${kinds[kind].idPrefix}${metadata.name}`;

export type CheckedDocument =
  { readonly ok: true; readonly document: WrittenDocument } | { readonly ok: false; readonly faults: readonly string[] };

/** Total: takes any value. @returns the document, or what is wrong with it, one line per fault with its path first */
export function checkDocument(value: unknown): CheckedDocument {
  const kind = (value as { readonly kind?: unknown } | null | undefined)?.kind;
  if (typeof value !== 'object' || value === null) return { ok: false, faults: ['the document is no mapping'] };
  if (!isKind(kind)) return { ok: false, faults: [`kind must be one of ${Object.keys(kinds).join(', ')}`] };
  const { schema, faultsIn } = kinds[kind];
  const faults = Value.Check(schema, value) ? faultsIn(value as never) : schemaFaults(schema, value);
  return faults.length > 0 ? { ok: false, faults } : { ok: true, document: value as WrittenDocument };
}

const isKind = (kind: unknown): kind is DocumentKind => typeof kind === 'string' && Object.hasOwn(kinds, kind);

/** TypeBox stops at 8; an author wants all of a file's faults in one go, within reason. */
const faultsMax = 200;

function schemaFaults(schema: TSchema, value: unknown): readonly string[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: faultsMax });
  try {
    return Value.Errors(schema, value).map(({ instancePath, message }) => `${dotted(instancePath)} ${message}`);
  } finally {
    Settings.Set({ maxErrors });
  }
}

const dotted = (pointer: string): string => pointer.slice(1).replaceAll('/', '.') || 'the document';
