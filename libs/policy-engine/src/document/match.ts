import { Type } from 'typebox';
import { closed, hostPatterns, labels, patterns, platforms } from './parts.ts';

const Exclude = Type.Object(
  {
    registries: hostPatterns('As in match.'),
    repositories: patterns('As in match.'),
    tags: patterns('As in match.'),
    platforms: platforms('Any of them excludes.'),
    labels: labels('Any of them excludes; `*` is any value.'),
  },
  { ...closed, description: 'What is left out of all this: any of it is enough.' },
);

/** Which images a policy speaks of. */
export const Match = Type.Object(
  {
    registries: hostPatterns('Hosts with their port, as events name them, globs, or `regex: …`. Without: every registry.'),
    tenants: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 63 }), {
        minItems: 1,
        maxItems: 100,
        description: 'Whose image it is. Held where that is not known.',
      }),
    ),
    repositories: patterns('Over the path below the host: a glob (`*` within a segment, `**` over several), or `regex: …`.'),
    tags: patterns('Over the tag: a glob, `regex: …` or `semver: …`.'),
    kinds: Type.Optional(
      Type.Array(Type.Enum(['image', 'index', 'artifact']), {
        minItems: 1,
        maxItems: 3,
        description: 'What it is: an artifact (signature, SBOM, chart) has nothing that runs, and so nothing to scan.',
      }),
    ),
    platforms: platforms('As linux/amd64 or linux/arm/v7: what is for any of them; an artifact is for none.'),
    labels: labels("Labels of the image's config, all of them; `*` is any value."),
    exclude: Type.Optional(Exclude),
  },
  closed,
);
