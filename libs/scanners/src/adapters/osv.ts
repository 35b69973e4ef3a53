import { Type, type Static } from 'typebox';
import { baseScoreOf } from '../cvss.ts';
import { severityOf, severityOfScore, worstOf, type Severity } from '../report.ts';
import type { Adapter } from './adapter.ts';
import { shaped } from './shape.ts';

/** A vector, or a word where `type` is `Ubuntu` (OSV schema, `severity[]`). */
const Severities = Type.Optional(Type.Array(Type.Object({ type: Type.String(), score: Type.String() })));
const Vulnerability = Type.Object({
  id: Type.String(),
  severity: Severities,
  // A word in the advisories of GitHub and Bitnami; any database may put anything here.
  database_specific: Type.Optional(Type.Object({ severity: Type.Optional(Type.Unknown()) })),
  affected: Type.Optional(
    Type.Array(
      Type.Object({
        package: Type.Optional(Type.Object({ name: Type.String() })),
        severity: Severities, // Where it is not the same for all packages.
        ranges: Type.Optional(
          Type.Array(Type.Object({ events: Type.Optional(Type.Array(Type.Object({ fixed: Type.Optional(Type.String()) }))) })),
        ),
      }),
    ),
  ),
});
type Vulnerability = Static<typeof Vulnerability>;
const Group = Type.Object({
  ids: Type.Array(Type.String(), { minItems: 1 }),
  aliases: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  max_severity: Type.Optional(Type.String()),
});
const Package = Type.Object({
  package: Type.Object({ name: Type.String(), version: Type.Optional(Type.String()) }),
  vulnerabilities: Type.Array(Vulnerability),
  groups: Type.Array(Group),
});
/**
 * The part of osv-scanner's JSON output that is read (google/osv-scanner v2.5.0, `pkg/models/results.go`; its docs, "Output"), with
 * advisories as in the OSV schema. `max_severity` is the highest CVSS base score (v2, v3 or v4) of a group's advisories, or empty.
 */
const OsvReport = Type.Object({
  // Null where the SBOM names no package.
  results: Type.Union([Type.Null(), Type.Array(Type.Object({ packages: Type.Array(Package) }))]),
});

/**
 * Two programs: syft makes an SBOM of the image, osv-scanner looks its packages up in a local copy of the OSV database, which lies in
 * `$XDG_CACHE_HOME/osv-scalibr/<ecosystem>/all.zip`, else below `$HOME/.cache`. Both run in `npm run test:scanners` (osv-scanner
 * v2.5.0, syft v1.52.0); options and exit codes from google/osv-scanner, `cmd/osv-scanner/scan/source` and its docs, "Return codes".
 */
export const osv: Adapter = {
  name: 'osv',
  needsSbom: true,
  argv: (_target, scratch) => [
    ...['osv-scanner', 'scan', 'source', '--offline', '--format', 'json', '--verbosity', 'error'],
    '--allow-no-lockfiles', // An image without packages is a verdict; without this it would be exit 128, as any misuse.
    ...['-L', scratch.sbomPath],
  ],
  reportFrom: 'stdout',
  // 127: an error, also where the database of one ecosystem is missing; 128: nothing read; 129: the API failed.
  exits: { 0: 'verdict', 1: 'findings' },
  env: () => ({}),
  envPassed: ['OSV_', 'XDG_CACHE_HOME', 'SYFT_'],
  parse(report) {
    const { results } = shaped(OsvReport, report);
    return {
      scanner: 'osv',
      scannerVersion: null,
      findings: (results ?? []).flatMap((source) =>
        source.packages.flatMap(({ package: { name, version }, vulnerabilities, groups }) =>
          groups.map((group) => {
            const members = vulnerabilities.filter((vulnerability) => group.ids.includes(vulnerability.id));
            return {
              id: [...group.ids, ...(group.aliases ?? [])].find((id) => id.startsWith('CVE-')) ?? group.ids[0]!,
              severity: severityOfGroup(group.ids, group.max_severity ?? '', members, name),
              package: name,
              version: version ?? '',
              fixedVersion: fixedVersions(members, name),
            };
          }),
        ),
      ),
    };
  },
};

/**
 * `MAL-` advisories (malicious packages) carry no score: they are not a weakness but an attack. Without a score for all of the
 * advisory, what it says of this package counts, then its words: a critical finding must not pass as one that nobody has rated.
 */
function severityOfGroup(ids: readonly string[], score: string, members: readonly Vulnerability[], name: string): Severity {
  if (ids.some((id) => id.startsWith('MAL-'))) return 'critical';
  if (score !== '') return severityOfScore(Number(score));
  const ratings = members.flatMap((member) => [
    ...(member.severity ?? []),
    ...affectedBy(member, name).flatMap((entry) => entry.severity ?? []),
  ]);
  const words = members.map((member) => member.database_specific?.severity).filter((word) => typeof word === 'string');
  return worstOf([
    ...ratings.map((rating) => (rating.type === 'Ubuntu' ? severityOf(rating.score) : severityOfScore(baseScoreOf(rating.score)))),
    ...words.map(severityOf),
  ]);
}

const affectedBy = ({ affected = [] }: Vulnerability, name: string): readonly NonNullable<Vulnerability['affected']>[number][] =>
  affected.filter((entry) => entry.package?.name === name);

const fixedVersions = (vulnerabilities: readonly Vulnerability[], name: string): string | null => {
  const ranges = vulnerabilities.flatMap((vulnerability) => affectedBy(vulnerability, name)).flatMap((entry) => entry.ranges ?? []);
  const events = ranges.flatMap((range) => range.events ?? []);
  return [...new Set(events.flatMap((event) => event.fixed ?? []))].join(', ') || null;
};
