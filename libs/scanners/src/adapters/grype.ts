import { Type } from 'typebox';
import { severityOf } from '../report.ts';
import { type Adapter, imageOf } from './adapter.ts';
import { shaped } from './shape.ts';

/**
 * The part of grype's `-o json` document that is read (anchore/grype, `grype/presenter/models/document.go`, `vulnerability.go` and
 * `vulnerability_metadata.go`, July 2026). `severity` is left out where the database has no metadata of a vulnerability.
 */
const GrypeReport = Type.Object({
  matches: Type.Array(
    Type.Object({
      vulnerability: Type.Object({
        id: Type.String(),
        severity: Type.Optional(Type.String()),
        fix: Type.Optional(Type.Object({ versions: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])) })),
      }),
      artifact: Type.Object({ name: Type.String(), version: Type.String() }),
    }),
  ),
  descriptor: Type.Object({ name: Type.Literal('grype'), version: Type.String() }),
});

/**
 * Settings are environment variables named after the configuration file (anchore/grype, `cmd/grype/cli/options/registry.go`). Credentials
 * come from `$DOCKER_CONFIG`, where anchore/stereoscope, `pkg/image/oci/registry_provider.go`, looks when none are configured, and a single
 * manifest is read whatever its platform (same file). Never `-q`: it silences the errors as well, as it does in syft, which shares its
 * command line library.
 */
export const grype: Adapter = {
  name: 'grype',
  needsSbom: false,
  // `registry:` keeps it away from a local daemon, where the digest could name something else.
  argv: (target) => ['grype', `registry:${imageOf(target)}`, '-o', 'json'],
  reportFrom: 'stdout',
  // With `fail-on-severity` in a configuration file: 2 (`cmd/grype/cli/cli.go`), in older versions 1, which is any error besides.
  exits: { 0: 'verdict', 1: 'findings', 2: 'findings' },
  env: (access) => ({
    GRYPE_CHECK_FOR_APP_UPDATE: 'false',
    ...(access?.plainHttp ? { GRYPE_REGISTRY_INSECURE_USE_HTTP: 'true' } : {}),
  }),
  envPassed: ['GRYPE_'],
  parse(report) {
    const { matches, descriptor } = shaped(GrypeReport, report);
    return {
      scanner: 'grype',
      scannerVersion: descriptor.version,
      findings: matches.map(({ vulnerability, artifact }) => ({
        id: vulnerability.id,
        severity: severityOf(vulnerability.severity ?? ''),
        package: artifact.name,
        version: artifact.version,
        fixedVersion: vulnerability.fix?.versions?.join(', ') || null,
      })),
    };
  },
};
