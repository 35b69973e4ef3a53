import { Type, type Static } from 'typebox';
import { apiVersion, closed, metadata } from './parts.ts';

const price = (description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000, description }));
const count = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description }));

/**
 * What a place for images is, for those who decide what may lie there; how it is reached stands in registries.yaml, under the
 * same name.
 */
export const Registry = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('Registry'),
    metadata: metadata('As in registries.yaml; its id is `registry/<name>`.'),
    spec: Type.Object(
      {
        host: Type.String({ minLength: 1, maxLength: 255, description: 'Host with its port, as events name it.' }),
        region: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'As the provider calls it: eu-central-1.' })),
        jurisdiction: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'Whose law holds there: EU, US.' })),
        role: Type.Optional(
          Type.Enum(['primary', 'secondary', 'fallback'], {
            description: 'The order in which registries are chosen where one is enough; primary if left out.',
          }),
        ),
        cost: Type.Optional(
          Type.Object(
            {
              storedPerGbMonth: price('For a GB (10^9 bytes) that lies there for a month of 30 days.'),
              movedPerGb: price('For a GB that is read from there into another region.'),
            },
            { ...closed, description: 'In one currency for all registries.' },
          ),
        ),
        limits: Type.Optional(Type.Object({ bytesMax: count('What fits in; where it is full, others are chosen.') }, closed)),
      },
      closed,
    ),
  },
  closed,
);
export type Registry = Static<typeof Registry>;
