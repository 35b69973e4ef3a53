import { Type, type Static } from 'typebox';
import { apiVersion, closed, metadata } from './parts.ts';

/** What a place for images is, for those who decide what may lie there; how it is reached stands in registries.yaml, under the same name. */
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
        role: Type.Optional(Type.Enum(['primary', 'secondary', 'fallback'])),
      },
      closed,
    ),
  },
  closed,
);
export type Registry = Static<typeof Registry>;
