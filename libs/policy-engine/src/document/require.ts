import { Type, type Static } from 'typebox';
import { closed, hostPatterns, labels, patterns } from './parts.ts';

const Scan = Type.Object(
  {
    withinHours: Type.Number({ exclusiveMinimum: 0, maximum: 87_600, description: 'An older verdict does not count.' }),
    worstSeverity: Type.Enum(['none', 'low', 'medium', 'high', 'critical'], {
      description: 'The worst that is accepted, exceptions aside. A finding that nobody has scored ranks between none and low.',
    }),
  },
  closed,
);

const Tag = Type.Object(
  {
    notLatest: Type.Optional(Type.Literal(true, { description: 'It must have a tag other than latest.' })),
    noneOf: patterns('Tags that it must not have: a glob, `regex: …` or `semver: …`.'),
  },
  { ...closed, minProperties: 1 },
);

const Sbom = Type.Object(
  {
    formats: Type.Optional(
      Type.Array(Type.Enum(['spdx', 'cyclonedx', 'syft']), {
        minItems: 1,
        maxItems: 3,
        description: 'Any of them is enough. Without: all.',
      }),
    ),
  },
  closed,
);

const Signer = Type.Object(
  {
    issuer: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'Who vouches for the identity, as its certificate says.' }),
    ),
    subject: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description: 'The identity: a glob (`*` without a slash, `**` with any); beside issuer.',
      }),
    ),
    key: Type.Optional(
      Type.String({
        pattern: '^sha256:[a-f0-9]{64}$',
        description: 'Of the public key in DER (SubjectPublicKeyInfo), in place of issuer and subject.',
      }),
    ),
  },
  { ...closed, minProperties: 1 },
);

/** What an image that a policy matches has to fulfil; all of it. */
export const Require = Type.Object(
  {
    registries: hostPatterns('Hosts with their port, as events name them, or globs: where it must lie.'),
    tag: Type.Optional(Tag),
    digestOnly: Type.Optional(Type.Literal(true, { description: 'It must be named by its digest; in an AdmissionPolicy.' })),
    labels: labels("Labels that the image's config must have, all of them; `*` is any value."),
    scan: Type.Optional(Scan),
    noFindings: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:/-]*$', maxLength: 128 }), {
        minItems: 1,
        maxItems: 1_000,
        uniqueItems: true,
        description: 'What no scan of it may have found, exceptions aside; ids as the scanner gives them: CVE-2026-12345.',
      }),
    ),
    sbom: Type.Optional(Sbom),
    signedBy: Type.Optional(
      Type.Array(Signer, { minItems: 1, maxItems: 100, description: 'One verified signature by any of them is enough.' }),
    ),
  },
  closed,
);
export type Require = Static<typeof Require>;
