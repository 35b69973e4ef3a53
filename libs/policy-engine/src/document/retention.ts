import { Type, type Static } from 'typebox';
import { compilePatterns } from '../compile-match.ts';
import { apiVersion, closed, ownedMetadata, patterns, registries } from './parts.ts';

/** What may be deleted, and what never is. Where several speak of an image, it is kept as soon as one of them keeps it. */
export const RetentionPolicy = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('RetentionPolicy'),
    metadata: ownedMetadata('Its id is `retention/<name>`.'),
    spec: Type.Object(
      {
        match: Type.Object(
          {
            registries: registries('Hosts with their port. Without: every registry.'),
            repositories: patterns('Over the path below the host; any of them is enough.'),
          },
          closed,
        ),
        keepNewest: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 1_000_000,
            description: 'Tagged images kept in each repository; older ones are deleted. All, if left out.',
          }),
        ),
        deleteUntaggedAfterDays: Type.Optional(
          Type.Number({ minimum: 0, maximum: 36_500, description: 'Counted from the push. Never, if left out.' }),
        ),
        keepTags: patterns('Whatever has one of these tags is kept.'),
      },
      closed,
    ),
  },
  closed,
);
export type RetentionPolicy = Static<typeof RetentionPolicy>;

export function retentionFaults({ spec }: RetentionPolicy): readonly string[] {
  const faults: string[] = [];
  compilePatterns('spec.match.repositories', spec.match.repositories, faults);
  compilePatterns('spec.keepTags', spec.keepTags, faults);
  if (spec.keepNewest === undefined && spec.deleteUntaggedAfterDays === undefined)
    faults.push('spec.keepNewest or spec.deleteUntaggedAfterDays must say what is deleted');
  return faults;
}
