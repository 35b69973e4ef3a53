import { Type } from 'typebox';
import { severityOf } from '../report.ts';
import { type Adapter, type Environment, imageOf } from './adapter.ts';
import { shaped } from './shape.ts';

/** The part of the CLI's `json-file` report that is read; packages and vulnerabilities refer to each other by key. */
const SysdigReport = Type.Object({
  scanner: Type.Optional(Type.Object({ version: Type.Optional(Type.String()) })),
  result: Type.Object({
    packages: Type.Record(Type.String(), Type.Object({ name: Type.String(), version: Type.String() })),
    vulnerabilities: Type.Record(
      Type.String(),
      Type.Object({
        name: Type.String(),
        severity: Type.String(),
        packageRef: Type.String(),
        fixVersion: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      }),
    ),
  }),
});

/**
 * Called as sysdiglabs/scan-action (`SysdigCliScanner.ts`) and jenkinsci/sysdig-secure-plugin (`SysdigImageScanningProcessBuilder.java`)
 * call it: `--apiurl`, `--output=json-file=<path>`, `--dbpath`; token and registry credentials by environment; exit codes 2 and 3 are
 * errors (`RemoteSysdigImageScanner.java`). `pull://` reads the registry and no local daemon (sysdiglabs/secure-inline-scan-examples,
 * `docs/index.md`). Not run here: it needs an account.
 */
export const sysdig: Adapter = {
  name: 'sysdig',
  needsSbom: false,
  argv: (target, scratch, env) => [
    ...['sysdig-cli-scanner', '--apiurl', env['SECURE_API_URL'] ?? ''],
    ...databaseIn(env),
    `--output=json-file=${scratch.outputPath}`,
    `pull://${imageOf(target)}`,
  ],
  reportFrom: 'output',
  exits: { 0: 'verdict', 1: 'verdict' }, // 1: its own policy failed, which a report without findings can do too.
  env: (access) =>
    access?.username === undefined || access.password === undefined
      ? {}
      : { REGISTRY_USER: access.username, REGISTRY_PASSWORD: access.password },
  envPassed: ['SECURE_API_TOKEN', 'SYSDIG_'],
  envNeeded: ['SECURE_API_TOKEN', 'SECURE_API_URL'],
  parse(report) {
    const { scanner, result } = shaped(SysdigReport, report);
    return {
      scanner: 'sysdig',
      scannerVersion: scanner?.version ?? null,
      findings: Object.values(result.vulnerabilities).map((found) => ({
        id: found.name,
        severity: severityOf(found.severity),
        package: result.packages[found.packageRef]?.name ?? found.packageRef,
        version: result.packages[found.packageRef]?.version ?? '',
        fixedVersion: found.fixVersion || null,
      })),
    };
  },
};

/** Else its database would be brought into the working directory, which lasts for one scan. */
function databaseIn(env: Environment): readonly string[] {
  const cache = env['XDG_CACHE_HOME'] || (env['HOME'] && `${env['HOME']}/.cache`);
  return cache ? [`--dbpath=${cache}/sysdig-cli-scanner/`] : [];
}
