import { Type } from 'typebox';
import { severityOf } from '../report.ts';
import { type Adapter, imageOf } from './adapter.ts';
import { shaped } from './shape.ts';

const Vulnerability = Type.Object({
  VulnerabilityID: Type.String(),
  PkgName: Type.String(),
  InstalledVersion: Type.Optional(Type.String()),
  FixedVersion: Type.Optional(Type.String()),
  Severity: Type.Optional(Type.String()),
});
/** The part of trivy's JSON report that is read (aquasecurity/trivy, `pkg/types/report.go`); lists that are empty are left out. */
const TrivyReport = Type.Object({
  SchemaVersion: Type.Integer(),
  ArtifactName: Type.String(),
  Trivy: Type.Optional(Type.Object({ Version: Type.Optional(Type.String()) })),
  Results: Type.Optional(
    Type.Union([
      Type.Null(),
      Type.Array(Type.Object({ Vulnerabilities: Type.Optional(Type.Union([Type.Null(), Type.Array(Vulnerability)])) })),
    ]),
  ),
});

/** Above what `SCANNER_TIMEOUT_MS` can be, so that our bound counts: its own default of 5 minutes is short for large images. */
const ownTimeout = '2h';

/**
 * Every option is an environment variable too, and an option on the command line wins (aquasecurity/trivy, docs, "Configuration").
 * - `--quiet` leaves fatal errors on stderr (`pkg/log/logger.go`).
 * - `--exit-code 0`: findings are no failure, so that 1 can only be an error (`cmd/trivy/main.go`, `pkg/commands/operation`).
 * - `--cache-backend memory`: the default for images is a file that one process locks, and scans at the same time would fail with "cache
 *   may be in use by another process" (docs, "Troubleshooting", "Cache lock errors"). What an operator sets, a Redis for one, stays.
 * - Plain HTTP: `--insecure`; `TRIVY_NON_SSL` is its older name (`pkg/flag/global_flags.go`; docs, "Private registries", "Self-hosted").
 * - Credentials come from `$DOCKER_CONFIG`, never from `TRIVY_USERNAME`, which goes to every registry (docs, "Private registries").
 */
export const trivy: Adapter = {
  name: 'trivy',
  needsSbom: false,
  argv: (target, _scratch, env) => [
    ...['trivy', 'image', '--quiet', '--format', 'json', '--scanners', 'vuln', '--image-src', 'remote'],
    ...['--exit-code', '0', '--timeout', ownTimeout],
    ...(env['TRIVY_CACHE_BACKEND'] ? [] : ['--cache-backend', 'memory']),
    imageOf(target),
  ],
  reportFrom: 'stdout',
  exits: { 0: 'verdict' },
  env: (access) => ({
    TRIVY_SKIP_VERSION_CHECK: 'true',
    TRIVY_DISABLE_TELEMETRY: 'true',
    ...(access?.plainHttp ? { TRIVY_NON_SSL: 'true', TRIVY_INSECURE: 'true' } : {}),
  }),
  envPassed: ['TRIVY_'],
  parse(report) {
    const { Trivy, Results } = shaped(TrivyReport, report);
    const vulnerabilities = (Results ?? []).flatMap((result) => result.Vulnerabilities ?? []);
    return {
      scanner: 'trivy',
      scannerVersion: Trivy?.Version ?? null,
      findings: vulnerabilities.map((found) => ({
        id: found.VulnerabilityID,
        severity: severityOf(found.Severity ?? ''),
        package: found.PkgName,
        version: found.InstalledVersion ?? '',
        fixedVersion: found.FixedVersion || null,
      })),
    };
  },
};
