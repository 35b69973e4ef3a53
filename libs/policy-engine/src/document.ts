import { Type, type Static } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import type { PatternText } from './pattern/pattern.ts';

const closed = { additionalProperties: false } as const;

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
const patterns = (description: string) => Type.Optional(Type.Array(Pattern, { minItems: 1, maxItems: 100, description }));
const labels = (description: string) =>
  Type.Optional(
    Type.Record(Type.String({ minLength: 1, maxLength: 256 }), Type.String({ maxLength: 256 }), { maxProperties: 50, description }),
  );
const registries = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 100, description }));

const Exclude = Type.Object(
  {
    registries: registries('Hosts with their port.'),
    repositories: patterns('As in match.'),
    tags: patterns('As in match.'),
    labels: labels('Any of them excludes; `*` is any value.'),
  },
  { ...closed, description: 'What is left out of all this: any of it is enough.' },
);

const Match = Type.Object(
  {
    registries: registries('Hosts with their port, as events name them. Without: every registry.'),
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
    labels: labels("Labels of the image's config, all of them; `*` is any value."),
    exclude: Type.Optional(Exclude),
  },
  closed,
);

const ScanRequirement = Type.Object(
  {
    withinHours: Type.Number({ exclusiveMinimum: 0, maximum: 87_600, description: 'An older verdict does not count.' }),
    worstSeverity: Type.Enum(['none', 'low', 'medium', 'high', 'critical'], {
      description: 'The worst that is accepted. A finding that nobody has scored ranks between none and low.',
    }),
  },
  closed,
);

const Target = Type.Object(
  {
    registry: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'Name of a registry in registries.yaml.' }),
    repository: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Path there; `{repository}` is the path here, and the default.' }),
    ),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Tag there; `{tag}` is the tag here, and the default.' })),
  },
  closed,
);

/** A policy as it is written. */
export const PolicyDocument = Type.Object(
  {
    apiVersion: Type.Literal('waybill/v1'),
    kind: Type.Literal('ReplicationPolicy'),
    metadata: Type.Object(
      {
        name: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$', description: 'Its id.' }),
        description: Type.Optional(Type.String({ maxLength: 1_000 })),
      },
      closed,
    ),
    spec: Type.Object(
      {
        priority: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 1_000_000,
            description: 'The highest that matches decides, and among equals one that denies; 0 if left out.',
          }),
        ),
        match: Match,
        require: Type.Optional(
          Type.Object(
            {
              scan: Type.Optional(ScanRequirement),
              labels: labels("Labels that the image's config must have, all of them; `*` is any value."),
            },
            closed,
          ),
        ),
        replicate: Type.Optional(Type.Array(Target, { minItems: 1, maxItems: 50 })),
        effect: Type.Optional(Type.Literal('deny')),
        reason: Type.Optional(
          Type.String({ minLength: 1, maxLength: 500, description: 'What a denied pusher is told; with effect: deny.' }),
        ),
      },
      closed,
    ),
  },
  closed,
);
export type PolicyDocument = Static<typeof PolicyDocument>;

/** TypeBox stops at 8; an author wants all of a file's faults in one go, within reason. */
const faultsMax = 200;

/** What is wrong with a document, one line per fault; empty when nothing is. Total: takes any value. */
export function faultsIn(value: unknown): readonly string[] {
  if (Value.Check(PolicyDocument, value)) return contradictionsIn(value);
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: faultsMax });
  try {
    return Value.Errors(PolicyDocument, value).map(({ instancePath, message }) => `${dotted(instancePath)} ${message}`);
  } finally {
    Settings.Set({ maxErrors });
  }
}

const dotted = (pointer: string): string => pointer.slice(1).replaceAll('/', '.') || 'the document';

function contradictionsIn({ spec }: PolicyDocument): readonly string[] {
  const faults: string[] = [];
  if (spec.effect === 'deny' && spec.replicate) faults.push('spec.replicate has no place beside effect: deny');
  if (spec.effect === 'deny' && spec.require) faults.push('spec.require has no place beside effect: deny');
  if (spec.effect === undefined && !spec.replicate) faults.push('spec.replicate or spec.effect must say what happens');
  if (spec.effect === undefined && spec.reason !== undefined) faults.push('spec.reason has a place only beside effect: deny');
  for (const [index, { repository = '', tag = '' }] of (spec.replicate ?? []).entries()) {
    if (/[{}]/.test(repository.replaceAll('{repository}', ''))) faults.push(`spec.replicate.${index}.repository knows only {repository}`);
    if (/[{}]/.test(tag.replaceAll('{tag}', ''))) faults.push(`spec.replicate.${index}.tag knows only {tag}`);
  }
  return faults;
}
