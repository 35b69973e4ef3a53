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

export const trivy: Adapter = {
  name: 'trivy',
  needsSbom: false,
  argv: (target) => ['trivy', 'image', '--quiet', '--format', 'json', '--scanners', 'vuln', '--image-src', 'remote', imageOf(target)],
  reportFrom: 'stdout',
  exits: { 0: 'verdict', 1: 'findings' }, // Its FATAL is 1 as well.
  env: (access) => (access?.plainHttp ? { TRIVY_NON_SSL: 'true', TRIVY_INSECURE: 'true' } : {}),
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
