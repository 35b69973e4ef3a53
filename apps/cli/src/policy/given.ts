import { isRepositoryName, isTag } from '@waybill/domain';
import type { Evidence, ScanFact } from '@waybill/policy-engine';
import { type Static, Type } from 'typebox';

const image = Type.String({ minLength: 1, maxLength: 512, description: '[host/]repository[:tag]; host.test and v1 if left out.' });
const digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });

const Scan = Type.Object({
  worstSeverity: Type.Optional(Type.String({ maxLength: 32, description: 'none if left out.' })),
  hoursAgo: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000, description: 'Before `at`; 0 if left out.' })),
  failed: Type.Optional(Type.String({ maxLength: 512, description: 'Why there is no verdict.' })),
  findings: Type.Optional(
    Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.String({ maxLength: 32 }), {
      description: 'Severity by id, worst first; without, the verdict does not list them.',
    }),
  ),
  findingsOmitted: Type.Optional(Type.Integer({ minimum: 0, description: 'How many more there are; 0 if left out.' })),
});

const Signature = Type.Union([
  Type.Object({ issuer: Type.String({ maxLength: 512 }), subject: Type.String({ maxLength: 512 }) }),
  Type.Object({ key: digest }),
]);

const amount = Type.Integer({ minimum: 0 });

/** What is known of an image, in few words; what is left out is not known, but for an inspection of an image without labels. */
export const Given = Type.Object({
  image: Type.Optional(image),
  images: Type.Optional(Type.Array(image, { minItems: 1, maxItems: 1_000, description: 'The same case for each of them.' })),
  digest: Type.Optional(digest),
  tenant: Type.Optional(Type.Union([Type.String({ maxLength: 63 }), Type.Null()], { description: 'null: nobody’s.' })),
  inspection: Type.Optional(Type.Enum(['done', 'missing', 'failed'])),
  kind: Type.Optional(Type.Enum(['image', 'index', 'artifact'])),
  labels: Type.Optional(Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 1_024 }))),
  platforms: Type.Optional(
    Type.Union(
      [
        Type.Integer({ minimum: 0, maximum: 9 }),
        Type.Array(Type.String({ pattern: '^[^/]+(?:/[^/]+){1,2}$', maxLength: 200 }), { maxItems: 9 }),
      ],
      {
        description:
          'How many an index has, or which: [linux/amd64]; 2 that are not known if left out. An artifact has none, an image is one.',
      },
    ),
  ),
  scan: Type.Optional(
    Type.Union([Scan, Type.Array(Scan, { maxItems: 9 })], { description: 'Of every platform; a list for each of them in turn.' }),
  ),
  signatures: Type.Optional(Type.Array(Signature, { maxItems: 9, description: 'Those that were verified; none known if left out.' })),
  sboms: Type.Optional(
    Type.Array(Type.String({ maxLength: 32 }), { maxItems: 9, description: 'Formats of those that are attached; not known if left out.' }),
  ),
  sizeBytes: Type.Optional(Type.Integer({ minimum: 0, description: 'Not known if left out.' })),
  registries: Type.Optional(
    Type.Record(
      Type.String({ maxLength: 63 }),
      Type.Object({ isHealthy: Type.Optional(Type.Boolean()), usedBytes: Type.Optional(amount) }, { additionalProperties: false }),
      { description: 'What is known of registries, by their names.' },
    ),
  ),
  pullsByRegion: Type.Optional(Type.Record(Type.String({ maxLength: 63 }), amount, { description: 'Of 30 days; not known if left out.' })),
  usage: Type.Optional(
    Type.Object(
      {
        bytes: Type.Optional(amount),
        images: Type.Optional(amount),
        copiesLastHour: Type.Optional(amount),
        isCounted: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false, description: 'What its tenant has already, 0 of what is left out; not known if all is.' },
    ),
  ),
  namedBy: Type.Optional(Type.Enum(['digest', 'tag'], { description: 'How whoever wants to run it names it; not known if left out.' })),
});
export type Given = Static<typeof Given>;

const hourMs = 3_600_000;
const digestOf = (digit: number): string => `sha256:${String(digit).repeat(64)}`;

/** @returns undefined where `image` is no reference */
export function evidenceOf(image: string, given: Given, atMs: number): Evidence | undefined {
  const reference = referenceOf(image);
  if (reference === undefined) return undefined;
  const { tenant, digest = digestOf(0), scan, signatures, sboms, namedBy, registries, pullsByRegion, usage } = given;
  const platformDigests = platformsOf(given, digest);
  const scans = platformDigests.flatMap((platform, index) => {
    const said = Array.isArray(scan) ? scan[index] : scan;
    return said === undefined ? [] : [scanFact(platform, said, atMs)];
  });
  return {
    ...{ ...reference, digest, inspection: inspectionOf(given, platformDigests), scans },
    ...(tenant !== undefined && { tenant }),
    ...(signatures !== undefined && { signatures }),
    ...(sboms !== undefined && { sboms: sboms.map((format) => ({ digest: digestOf(9), format })) }),
    ...(namedBy !== undefined && { namedBy }),
    ...(registries !== undefined && { registries }),
    ...(pullsByRegion !== undefined && { pullsByRegion }),
    ...(usage !== undefined && { usage: { bytes: 0, images: 0, copiesLastHour: 0, isCounted: false, ...usage } }),
  };
}

function platformsOf({ kind = 'image', platforms = 2 }: Given, digest: string): readonly string[] {
  if (kind === 'image') return [digest];
  const length = Array.isArray(platforms) ? platforms.length : platforms;
  return kind === 'artifact' ? [] : Array.from({ length }, (_, index) => digestOf(index + 1));
}

function inspectionOf(
  { inspection = 'done', kind = 'image', labels = {}, platforms, sizeBytes }: Given,
  platformDigests: readonly string[],
): Evidence['inspection'] {
  if (inspection === 'missing') return { status: 'missing' };
  if (inspection === 'failed') return { status: 'failed', reason: 'MANIFEST_UNKNOWN: gone' };
  return {
    ...{ status: 'done', kind, labels, platformDigests },
    ...(Array.isArray(platforms) && { platforms }),
    ...(sizeBytes !== undefined && { sizeBytes }),
  };
}

const scanFact = (
  digest: string,
  { worstSeverity = 'none', hoursAgo = 0, failed, findings, findingsOmitted }: Static<typeof Scan>,
  atMs: number,
): ScanFact => ({
  digest,
  ...(findings !== undefined && { findings: Object.entries(findings).map(([id, severity]) => ({ id, severity })) }),
  ...(findingsOmitted !== undefined && { findingsOmitted }),
  outcome: failed === undefined ? 'scanned' : 'failed',
  worstSeverity,
  reason: failed ?? null,
  scannedAtMs: atMs - hoursAgo * hourMs,
});

/** As container tools read them: what comes before the first slash is a host if it has a dot or a colon, or is localhost. */
function referenceOf(text: string): Pick<Evidence, 'registry' | 'repository' | 'tag'> | undefined {
  const [, host, path, tag = 'v1'] = /^(?:((?:[^/]*[.:][^/]*|localhost))\/)?([^:]+)(?::([^/:]+))?$/.exec(text) ?? [];
  if (path === undefined || !isRepositoryName(path) || !isTag(tag)) return undefined;
  return { registry: host ?? 'host.test', repository: path, tag };
}
