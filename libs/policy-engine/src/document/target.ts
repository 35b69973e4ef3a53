import { priorityClasses } from '@waybill/domain';
import { Type, type Static } from 'typebox';
import { closed, platforms } from './parts.ts';

/** A list of which any is enough. */
const anyOf = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { minItems: 1, maxItems: 100, description }));

const Selector = Type.Object(
  {
    regions: anyOf('As Registry documents call them.'),
    jurisdictions: anyOf('As Registry documents call them.'),
    roles: Type.Optional(Type.Array(Type.Enum(['primary', 'secondary', 'fallback']), { minItems: 1, maxItems: 3 })),
  },
  { ...closed, minProperties: 1, description: 'Every registry whose document has all of this.' },
);

/** Where a copy goes: to a registry by its name, or to all or some of those that a selector finds. */
export const Target = Type.Object(
  {
    registry: Type.Optional(
      Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'Name of a registry in registries.yaml; or select.' }),
    ),
    select: Type.Optional(Selector),
    copies: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, description: 'So many of what select finds; all if left out.' })),
    placement: Type.Optional(
      Type.Enum(['cheapest', 'nearest', 'by-pulls'], {
        description:
          'Which ones, beside copies: cheap to store in; near to where the image lies; where it is pulled most. By name if left out.',
      }),
    ),
    repository: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Path there; `{repository}` is the path here, and the default.' }),
    ),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Tag there; `{tag}` is the tag here, and the default.' })),
    platforms: platforms(
      'What of an index is copied, as linux/amd64 or linux/arm/v7: those of them that it is for; all of it if left out.',
    ),
    priorityClass: Type.Optional(
      Type.Enum([...priorityClasses], { description: 'Which copies go first where many wait; normal if left out.' }),
    ),
  },
  closed,
);
export type Target = Static<typeof Target>;
export type Selector = Static<typeof Selector>;

/** What a schema cannot say of a target, one line per fault. */
export function targetFaults({ registry, select, copies, placement, repository = '', tag = '' }: Target, path: string): readonly string[] {
  const faults: string[] = [];
  if ((registry === undefined) === (select === undefined)) faults.push(`${path} names either a registry or what to select`);
  if (copies !== undefined && select === undefined) faults.push(`${path}.copies has a place only beside select`);
  if (placement !== undefined && copies === undefined)
    faults.push(`${path}.placement has a place only beside copies: all are taken without`);
  if (/[{}]/.test(repository.replaceAll('{repository}', ''))) faults.push(`${path}.repository knows only {repository}`);
  if (/[{}]/.test(tag.replaceAll('{tag}', ''))) faults.push(`${path}.tag knows only {tag}`);
  return faults;
}
