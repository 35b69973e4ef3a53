import { Type } from 'typebox';
import type { PatternText } from '../pattern/pattern.ts';

export const closed = { additionalProperties: false } as const;

export const apiVersion = Type.Literal('waybill/v1');

const name = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';

const described = (description: string) => ({
  name: Type.String({ pattern: name, description }),
  description: Type.Optional(Type.String({ maxLength: 1_000 })),
  sensitive: Type.Optional(
    Type.Boolean({ description: 'Sealed in the log with a key, and decisions do not say what it asks for. Its name stays readable.' }),
  ),
});

/** @param description what the name is for */
export const metadata = (description: string) => Type.Object(described(description), closed);

/** Of documents that a tenant can have for itself. */
export const ownedMetadata = (description: string) =>
  Type.Object(
    {
      ...described(description),
      tenant: Type.Optional(
        Type.String({ pattern: name, description: 'Whose document it is: it is about images of that tenant alone, whatever it says.' }),
      ),
    },
    closed,
  );

/** Of registries by their hosts, which have no versions. */
const HostPattern = Type.Unsafe<PatternText>({
  type: ['string', 'object'],
  minLength: 1,
  maxLength: 255,
  properties: {
    regex: { type: 'string', minLength: 1, maxLength: 512, description: 'A regular expression over the whole host with its port.' },
  },
  additionalProperties: false,
  minProperties: 1,
});
export const hostPatterns = (description: string) => Type.Optional(Type.Array(HostPattern, { minItems: 1, maxItems: 100, description }));

/** One schema for both ways of writing a pattern, so that a fault is told once and not once per way. */
const Pattern = Type.Unsafe<PatternText>({
  type: ['string', 'object'],
  minLength: 1,
  maxLength: 255,
  pattern: '^[A-Za-z0-9._/*?-]+$',
  properties: {
    regex: {
      type: 'string',
      minLength: 1,
      maxLength: 512,
      description: 'A regular expression over the whole name, without backreferences.',
    },
    semver: { type: 'string', minLength: 1, maxLength: 512, description: 'A range of versions, as `>=1.2 <3`.' },
  },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
});
export const patterns = (description: string) => Type.Optional(Type.Array(Pattern, { minItems: 1, maxItems: 100, description }));
export const labels = (description: string) =>
  Type.Optional(
    Type.Record(Type.String({ minLength: 1, maxLength: 256 }), Type.String({ maxLength: 256 }), { maxProperties: 50, description }),
  );
export const platforms = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}(?:/[A-Za-z0-9_.-]{1,64}){1,2}$' }), {
      minItems: 1,
      maxItems: 50,
      description,
    }),
  );
export const registries = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 100, description }));
