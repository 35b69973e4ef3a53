import { Type } from 'typebox';
import { severityOfScore, type Severity } from '../report.ts';
import type { Adapter } from './adapter.ts';
import { shaped } from './shape.ts';

const Vulnerability = Type.Object({
  id: Type.String(),
  affected: Type.Optional(
    Type.Array(
      Type.Object({
        package: Type.Optional(Type.Object({ name: Type.String() })),
        ranges: Type.Optional(
          Type.Array(Type.Object({ events: Type.Optional(Type.Array(Type.Object({ fixed: Type.Optional(Type.String()) }))) })),
        ),
      }),
    ),
  ),
});
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
/** The part of osv-scanner's JSON output that is read (google/osv-scanner, `pkg/models/results.go`; its docs, "Output"). */
const OsvReport = Type.Object({
  // Null where the SBOM names no package.
  results: Type.Union([Type.Null(), Type.Array(Type.Object({ packages: Type.Array(Package) }))]),
});

/** Two programs: syft makes an SBOM of the image, osv-scanner looks its packages up in a local copy of the OSV database. */
export const osv: Adapter = {
  name: 'osv',
  needsSbom: true,
  argv: (_target, scratch) => [
    ...['osv-scanner', 'scan', 'source', '--offline', '--format', 'json'],
    '--allow-no-lockfiles', // An image without packages is a verdict; without this it would be exit 128, as any misuse.
    ...['-L', scratch.sbomPath],
  ],
  reportFrom: 'stdout',
  exits: { 0: 'verdict', 1: 'findings' }, // 127: an error, also a missing database; 128: nothing read; 129: the API failed.
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
              severity: severityOfGroup(group.ids, group.max_severity ?? ''),
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

/** `MAL-` advisories (malicious packages) carry no score: they are not a weakness but an attack. */
const severityOfGroup = (ids: readonly string[], score: string): Severity => {
  if (ids.some((id) => id.startsWith('MAL-'))) return 'critical';
  return score === '' ? 'unknown' : severityOfScore(Number(score));
};

type Affected = {
  readonly affected?: readonly { package?: { name: string }; ranges?: readonly { events?: readonly { fixed?: string }[] }[] }[];
};

const fixedVersions = (vulnerabilities: readonly Affected[], name: string): string | null => {
  const affected = vulnerabilities.flatMap((vulnerability) => vulnerability.affected ?? []).filter((entry) => entry.package?.name === name);
  const events = affected.flatMap((entry) => entry.ranges ?? []).flatMap((range) => range.events ?? []);
  return [...new Set(events.flatMap((event) => event.fixed ?? []))].join(', ') || null;
};
