import { Type, type Static } from 'typebox';
import { compileMatch } from '../compile-match.ts';
import { Match } from './match.ts';
import { ownMatchFaults } from './owner.ts';
import { apiVersion, closed, ownedMetadata } from './parts.ts';

/** A finding that somebody answers for, for a time. One of a tenant counts where the Tenant document says that it may. */
export const Exception = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('Exception'),
    metadata: ownedMetadata('Its id is `exception/<name>`.'),
    spec: Type.Object(
      {
        finding: Type.String({ minLength: 1, maxLength: 128, description: 'Id as the scanner gives it: CVE-2026-12345.' }),
        match: Type.Optional(Match),
        owner: Type.String({ minLength: 1, maxLength: 255, description: 'Who answers for it.' }),
        reason: Type.String({ minLength: 1, maxLength: 1_000 }),
        expiresAt: Type.String({
          pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2})?Z$',
          description: 'UTC; from then on the finding counts again.',
        }),
      },
      closed,
    ),
  },
  closed,
);
export type Exception = Static<typeof Exception>;

/** What a schema cannot say: of patterns, and of days that no month has. */
export function exceptionFaults({ metadata, spec }: Exception): readonly string[] {
  const faults = [...ownMatchFaults(metadata, spec.match ?? {})];
  compileMatch(spec.match ?? {}, faults);
  const expiresAtMs = Date.parse(spec.expiresAt);
  const isDate = Number.isFinite(expiresAtMs) && new Date(expiresAtMs).toISOString().startsWith(spec.expiresAt.slice(0, 16));
  if (!isDate) faults.push(`spec.expiresAt ${spec.expiresAt} is no date that there is`);
  return faults;
}
