import { Type, type Static } from 'typebox';
import { compileMatch } from '../compile-match.ts';
import { Match } from './match.ts';
import { ownMatchFaults } from './owner.ts';
import { apiVersion, closed, ownedMetadata } from './parts.ts';

const places = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { minItems: 1, maxItems: 100, description }));

/** Where images may lie at all, whatever policies say: one that it matches is copied to no other place, not by any priority. */
export const Residency = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('Residency'),
    metadata: ownedMetadata('Its id is `residency/<name>`.'),
    spec: Type.Object(
      {
        match: Match,
        jurisdictions: places('Those of Registry documents; a registry of which it is not known is none of them.'),
        regions: places('Those of Registry documents.'),
        reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'The rule behind it, as refusals tell it.' })),
      },
      closed,
    ),
  },
  closed,
);
export type Residency = Static<typeof Residency>;

export function residencyFaults({ metadata, spec }: Residency): readonly string[] {
  const faults: string[] = [];
  compileMatch(spec.match, faults);
  faults.push(...ownMatchFaults(metadata, spec.match));
  if (!spec.jurisdictions && !spec.regions) faults.push('spec.jurisdictions or spec.regions must say where images may lie');
  return faults;
}
