import { Type, type Static } from 'typebox';
import { Match } from './match.ts';
import { ownMatchFaults } from './owner.ts';
import { apiVersion, closed, ownedMetadata } from './parts.ts';
import { Require } from './require.ts';
import { Target, targetFaults } from './target.ts';

/** What every kind of policy has. */
const common = {
  priority: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: 'The highest that matches decides, and among equals one that denies; 0 if left out.',
    }),
  ),
  match: Match,
  when: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2_000,
      description:
        'A condition in CEL over image, scan, signatures, sboms, registry, usage and time; the policy matches where it holds too.',
    }),
  ),
  require: Type.Optional(Require),
  effect: Type.Optional(Type.Literal('deny')),
  reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'What a denied pusher is told; with effect: deny.' })),
};

/** Where an image is copied to, or that it must not be. */
export const ReplicationPolicy = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('ReplicationPolicy'),
    metadata: ownedMetadata('Its id.'),
    spec: Type.Object({ ...common, replicate: Type.Optional(Type.Array(Target, { minItems: 1, maxItems: 50 })) }, closed),
  },
  closed,
);
export type ReplicationPolicy = Static<typeof ReplicationPolicy>;

/** What may run. */
export const AdmissionPolicy = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('AdmissionPolicy'),
    metadata: ownedMetadata('Its id is `admission/<name>`.'),
    spec: Type.Object(
      {
        ...common,
        enforce: Type.Optional(
          Type.Enum(['new', 'running'], { description: 'Whether a later denial is about what runs already too; new if left out.' }),
        ),
      },
      closed,
    ),
  },
  closed,
);
export type AdmissionPolicy = Static<typeof AdmissionPolicy>;

/** A policy of any kind, with what each has optional. */
export type PolicyDocument = Omit<ReplicationPolicy, 'kind' | 'spec'> & {
  readonly kind: ReplicationPolicy['kind'] | AdmissionPolicy['kind'];
  readonly spec: ReplicationPolicy['spec'] & Pick<AdmissionPolicy['spec'], 'enforce'>;
};

/** What a schema cannot say of a policy: parts that have no place beside each other. */
export function contradictionsIn({ kind, metadata, spec }: PolicyDocument): readonly string[] {
  const faults: string[] = [];
  if (spec.effect === 'deny' && spec.replicate) faults.push('spec.replicate has no place beside effect: deny');
  if (spec.effect === 'deny' && spec.require) faults.push('spec.require has no place beside effect: deny');
  if (spec.effect === undefined && !spec.replicate && kind === 'ReplicationPolicy')
    faults.push('spec.replicate or spec.effect must say what happens');
  if (spec.require?.digestOnly && kind !== 'AdmissionPolicy') faults.push('spec.require.digestOnly has a place only in an AdmissionPolicy');
  if (spec.effect === undefined && spec.reason !== undefined) faults.push('spec.reason has a place only beside effect: deny');
  for (const [at, target] of (spec.replicate ?? []).entries()) faults.push(...targetFaults(target, `spec.replicate.${at}`));
  if (metadata.tenant !== undefined && (spec.priority ?? 0) > ownPriorityMax)
    faults.push(`spec.priority of a tenant's own policy is at most ${ownPriorityMax}`);
  faults.push(...ownMatchFaults(metadata, spec.match));
  return faults;
}

/** Above it, and of others, speaks whoever runs the registries. */
const ownPriorityMax = 999;
