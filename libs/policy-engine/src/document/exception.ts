import { Type, type Static } from 'typebox';
import { Match } from './match.ts';
import { apiVersion, closed, metadata } from './parts.ts';

/** A finding that somebody answers for, for a time. */
export const Exception = Type.Object(
  {
    apiVersion,
    kind: Type.Literal('Exception'),
    metadata: metadata('Its id is `exception/<name>`.'),
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
