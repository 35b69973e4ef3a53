import { isDigest } from '@waybill/domain';

/*
 * What a registry's documents have to look like, checked by hand: a schema's library takes longer to load than a small copy takes as a
 * whole, and the command line pays that on each start.
 */

/** Whether a value is what stands in its field; an absent field is undefined. */
export type IsValid = (value: unknown) => boolean;
export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

export const text =
  (lengthMax: number, lengthMin = 0): IsValid =>
  (value) =>
    typeof value === 'string' && value.length >= lengthMin && value.length <= lengthMax;

export const optional =
  (isValid: IsValid): IsValid =>
  (value) =>
    value === undefined || isValid(value);

export const isTexts: IsValid = (value) => isFields(value) && Object.values(value).every((item) => typeof item === 'string');

/** JSON pointer of the first field that is not valid. */
export function findFieldFault(value: Fields, fields: Readonly<Record<string, IsValid>>, at: string): string | undefined {
  for (const name in fields) if (!fields[name]!(value[name])) return `${at}/${name}`;
  return undefined;
}

const platformFields = { os: text(4_096), architecture: text(4_096), variant: optional(text(4_096)) };
const descriptorFields = {
  mediaType: text(255, 1),
  digest: (value: unknown): boolean => typeof value === 'string' && isDigest(value),
  size: (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0,
  data: optional(text(Infinity)),
  artifactType: optional(text(255)),
  annotations: optional(isTexts),
  platform: optional((value) => isFields(value) && findFieldFault(value, platformFields, '') === undefined),
};

/** JSON pointer of what keeps a value from being a descriptor (OCI image spec 1.1, "Content Descriptors"); undefined where it is one. */
export const findDescriptorFault = (value: unknown, at: string): string | undefined =>
  isFields(value) ? findFieldFault(value, descriptorFields, at) : at;
