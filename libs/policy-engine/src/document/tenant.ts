import { Type, type Static } from 'typebox';
import { compilePatterns } from '../compile-match.ts';
import { apiVersion, closed, metadata, patterns, registries } from './parts.ts';

const amount = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description }));

/** Whose images they are: all below its namespaces, wherever they are pushed unless registries are named. */
export const Tenant = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('Tenant'),
    metadata: metadata('As in match.tenants; its id is `tenant/<name>`.'),
    spec: Type.Object(
      {
        registries: registries('Hosts with their port. Without: every registry.'),
        repositories: patterns('Over the path below the host; any of them is enough. No image may be that of two tenants.'),
        quota: Type.Optional(
          Type.Object(
            {
              bytesMax: amount('Over all registries, each copy counted.'),
              imagesMax: amount('Tagged or not, over all registries.'),
              copiesPerHourMax: amount('Copies that are decided on within an hour.'),
            },
            { ...closed, minProperties: 1, description: 'What its images may take. Without: as much as there is.' },
          ),
        ),
        mayExcept: Type.Optional(
          Type.Object(
            {
              worstSeverity: Type.Enum(['low', 'medium', 'high', 'critical'], { description: 'The worst that they take away.' }),
            },
            {
              ...closed,
              description: 'Its own exceptions count, in its own images, but not for what noFindings names. Without: it may have none.',
            },
          ),
        ),
      },
      closed,
    ),
  },
  closed,
);
export type Tenant = Static<typeof Tenant>;

export function tenantFaults({ spec }: Tenant): readonly string[] {
  const faults: string[] = [];
  compilePatterns('spec.repositories', spec.repositories, faults);
  if (!spec.registries && !spec.repositories) faults.push('spec.repositories or spec.registries must say which images are its own');
  return faults;
}
