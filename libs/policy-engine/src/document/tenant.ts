import { Type, type Static } from 'typebox';
import { apiVersion, closed, metadata, patterns, registries } from './parts.ts';

/** Whose images they are: all below its namespaces, wherever they are pushed unless registries are named. */
export const Tenant = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('Tenant'),
    metadata: metadata('As in match.tenants; its id is `tenant/<name>`.'),
    spec: Type.Object(
      {
        registries: registries('Hosts with their port. Without: every registry.'),
        repositories: patterns('Over the path below the host; any of them is enough.'),
      },
      closed,
    ),
  },
  closed,
);
export type Tenant = Static<typeof Tenant>;
