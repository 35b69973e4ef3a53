import { basename, isAbsolute } from 'node:path';
import { Type } from 'typebox';
import { fillPlaceholders, parseCommand, placeholderNames, placeholdersIn } from '../command.ts';
import { severityOf } from '../report.ts';
import { imageOf, type Adapter } from './adapter.ts';
import { shaped } from './shape.ts';

/**
 * What a program of one's own prints: one JSON object.
 *
 * `{ "scanner": "acme", "version": "1.2", "findings": [{ "id": "CVE-2026-1", "severity": "critical", "package": "openssl",
 * "version": "3.0.1", "fixedVersion": "3.0.2" }] }`
 *
 * `version` and `fixedVersion` may be null or missing. It exits 0, or 1 where it found something; any other code is an error of its own.
 */
const TemplateReport = Type.Object({
  scanner: Type.String({ minLength: 1, maxLength: 100 }),
  version: Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Null()])),
  findings: Type.Array(
    Type.Object({
      id: Type.String({ minLength: 1 }),
      severity: Type.String(),
      package: Type.String(),
      version: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      fixedVersion: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  ),
});

/**
 * A scanner given as a command line with placeholders ({@link placeholderNames}).
 * @throws Error for an unknown placeholder, or where nothing names the image
 */
export function templateAdapter(command: string): Adapter {
  const argv = parseCommand(command);
  // A scanner runs in a directory of its own: a path relative to ours would name nothing there.
  if (argv[0]!.includes('/') && !isAbsolute(argv[0]!)) throw new Error(`${argv[0]} must be an absolute path, or a name on the PATH`);
  const used = placeholdersIn(argv);
  const known: readonly string[] = placeholderNames;
  const unknown = [...used].filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`{${unknown[0]}} is no placeholder; there are ${known.map((name) => `{${name}}`).join(' ')}`);
  if (!['image', 'digest', 'sbom'].some((name) => used.has(name)))
    throw new Error('nothing in it names the image: use {image}, {digest} or {sbom}');
  return {
    name: basename(argv[0]!),
    needsSbom: used.has('sbom'),
    argv: (target, scratch) =>
      fillPlaceholders(argv, { ...target, image: imageOf(target), sbom: scratch.sbomPath, output: scratch.outputPath }),
    reportFrom: used.has('output') ? 'output' : 'stdout',
    exits: { 0: 'verdict', 1: 'findings' },
    env: (access) =>
      access?.username === undefined || access.password === undefined
        ? {}
        : { REGISTRY_USER: access.username, REGISTRY_PASSWORD: access.password },
    envPassed: [],
    parse(report) {
      const { scanner, version, findings } = shaped(TemplateReport, report);
      return {
        scanner,
        scannerVersion: version ?? null,
        findings: findings.map((found) => ({
          id: found.id,
          severity: severityOf(found.severity),
          package: found.package,
          version: found.version ?? '',
          fixedVersion: found.fixedVersion ?? null,
        })),
      };
    },
  };
}
