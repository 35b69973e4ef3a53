import type { DescriptorDocument } from '../descriptor/descriptor.ts';
import { findDescriptorFault, findFieldFault, isFields, isTexts, optional, text, type Fields } from '../descriptor/shape.ts';

type CommonDocument = {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly subject?: DescriptorDocument;
  readonly annotations?: Readonly<Record<string, string>>;
};
/** An image manifest as it is written (OCI image spec 1.1, "OCI Image Manifest Specification"; Docker's schema 2). */
export type ImageDocument = CommonDocument & { readonly config: DescriptorDocument; readonly layers: readonly DescriptorDocument[] };
/** An index as it is written (OCI image spec 1.1, "OCI Image Index Specification"; Docker's manifest list). */
export type IndexDocument = CommonDocument & { readonly manifests: readonly DescriptorDocument[] };

const commonFields = {
  schemaVersion: (value: unknown): boolean => value === 2,
  mediaType: optional(text(255)),
  artifactType: optional(text(255)),
  annotations: optional(isTexts),
};

/** JSON pointer of what keeps a document from being an image manifest; undefined where it is one. */
export const findImageFault = (document: unknown): string | undefined =>
  findFault(document, ({ config, layers, manifests }) =>
    // What is both would be one image to the one reader and another to the next (CVE-2021-41190).
    manifests === undefined ? (findDescriptorFault(config, '/config') ?? findListFault(layers, '/layers')) : '/manifests',
  );

/** JSON pointer of what keeps a document from being an index; undefined where it is one. */
export const findIndexFault = (document: unknown): string | undefined =>
  findFault(document, ({ config, layers, manifests }) =>
    config !== undefined ? '/config' : layers !== undefined ? '/layers' : findListFault(manifests, '/manifests'),
  );

function findFault(document: unknown, findOwnFault: (document: Fields) => string | undefined): string | undefined {
  if (!isFields(document)) return '';
  const { subject } = document;
  const ofSubject = subject === undefined ? undefined : findDescriptorFault(subject, '/subject');
  return findFieldFault(document, commonFields, '') ?? ofSubject ?? findOwnFault(document);
}

function findListFault(list: unknown, at: string): string | undefined {
  if (!Array.isArray(list)) return at;
  for (const [index, item] of list.entries()) {
    const fault = findDescriptorFault(item, `${at}/${index}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
