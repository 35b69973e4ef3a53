import { globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { InfraError } from './errors.ts';
import { repositoryRoot, toolsDir } from './paths.ts';
import { ensureGoTool, findProgram, type GoTool, type Progress } from './tools.ts';

/** What `SCANNER` is on this machine when nobody says: the first scanner that is here, or a sample that only looks at names. */
export function chooseScanner(
  has: (program: string) => boolean,
  sampleTemplate: string,
): { readonly scanner: string; readonly note: string } {
  if (has('syft') && has('osv-scanner')) return { scanner: 'osv', note: 'osv-scanner over an SBOM made by syft' };
  if (has('grype')) return { scanner: 'grype', note: 'grype' };
  if (has('trivy')) return { scanner: 'trivy', note: 'trivy' };
  return {
    scanner: sampleTemplate,
    note:
      'a sample that judges by the name alone (no osv-scanner with syft and a database, no grype, no trivy here: ' +
      'install one, or set SCANNER; docs/scanners.md says how)',
  };
}

export type ScannerOptions = {
  /** The caller's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress: Progress;
  readonly dir?: string;
};

/**
 * What the scanner app is told. `SCANNER=osv` builds syft and osv-scanner with Go where they are missing; nothing is built unasked.
 * @throws InfraError `TOOL_MISSING` without Go, `DOWNLOAD_FAILED`
 */
export async function prepareScanner({ env, onProgress, dir = toolsDir(env) }: ScannerOptions): Promise<Record<string, string>> {
  const path = env['PATH'] ?? '';
  const hasDatabase = findOsvDatabases(env).length > 0;
  const has = (program: string): boolean => findProgram(program, dir, path) !== undefined && (program !== 'osv-scanner' || hasDatabase);
  const shared = {
    PATH: [join(dir, 'bin'), path].join(delimiter), // Where the tools are that we built.
    ...(env['XDG_CACHE_HOME'] ? { XDG_CACHE_HOME: env['XDG_CACHE_HOME'] } : {}),
  };
  const said = env['SCANNER'];
  if (!said) {
    const sample = join(repositoryRoot, 'test/fixtures/scanners/tiny-scanner.sh');
    const { scanner, note } = chooseScanner(has, `/bin/sh ${sample} {repository} {digest}`);
    onProgress(`scanner: ${note}`);
    return { ...shared, SCANNER: scanner };
  }
  if (said === 'osv') {
    for (const tool of ['syft', 'osv-scanner'] as const) await bring(tool, { dir, path, onProgress });
    if (!hasDatabase)
      onProgress('scanner: no OSV database here, so no image with packages gets a verdict: docs/scanners.md says how to bring one');
  }
  return { ...shared, SCANNER: said };
}

type BringOptions = { readonly dir: string; readonly path: string; readonly onProgress: Progress };

async function bring(tool: GoTool, { dir, path, onProgress }: BringOptions): Promise<void> {
  if (findProgram(tool, dir, path) !== undefined) return;
  if (findProgram('go', dir, path) === undefined) {
    throw new InfraError('TOOL_MISSING', `SCANNER=osv needs ${tool}: install it, or Go 1.26 or later to build it (apt install golang-go)`);
  }
  onProgress(`${tool}: not here; building it takes some minutes, once`);
  await ensureGoTool(tool, { dir, onProgress });
}

/** Where osv-scanner looks: one archive per ecosystem. */
function findOsvDatabases(env: ScannerOptions['env']): readonly string[] {
  const cacheDir = env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/', '.cache');
  return globSync('*/all.zip', { cwd: join(cacheDir, 'osv-scalibr') });
}
