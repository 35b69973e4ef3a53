import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { withLock } from '../../infra/local/lock.ts';
import { toolsDir } from '../../infra/local/paths.ts';

export const ingestDir = join(import.meta.dirname, 'peers/ingest');

type Source = {
  /** Below `peers`. */
  readonly dir: string;
  /** `.` unless it is a program of a module that is required there. */
  readonly main?: string;
  readonly tags?: string;
};
const goPrograms = {
  load: { dir: 'ingest/load' },
  franz: { dir: 'ingest/franz' },
  benthos: { dir: 'ingest/benthos' },
  timed: { dir: 'copy/timed' },
  opa: { dir: 'policy/opa' },
  // `go install` refuses it: its module's name is another one than that of the place where it lies.
  skopeo: {
    ...{ dir: 'copy/skopeo', main: 'go.podman.io/skopeo/cmd/skopeo' },
    tags: 'containers_image_openpgp,exclude_graphdriver_btrfs,exclude_graphdriver_devicemapper',
  },
} as const satisfies Record<string, Source>;
export type GoProgram = keyof typeof goPrograms;

/** Benthos brings some 80 modules; longer than that is a network that does not answer. */
const buildMsMax = 15 * 60_000;

/**
 * Builds a program of `peers` with Go once per version of its source.
 * @returns its path
 * @throws Error with the end of Go's output
 */
export async function ensureGoProgram(name: GoProgram): Promise<string> {
  const { dir, main = '.', tags = '' }: Source = goPrograms[name];
  const sourceDir = join(import.meta.dirname, 'peers', dir);
  const hash = createHash('sha256');
  for (const path of globSync(['go.*', '*.go'], { cwd: sourceDir }).sort()) hash.update(readFileSync(join(sourceDir, path)));
  const target = join(toolsDir(), `bench-${name}-${hash.digest('hex').slice(0, 8)}`);
  if (existsSync(target)) return target;
  mkdirSync(toolsDir(), { recursive: true });
  return withLock(join(toolsDir(), `bench-${name}.lock`), { timeoutMs: buildMsMax }, async () => {
    if (existsSync(target)) return target;
    const draft = mkdtempSync(join(toolsDir(), `bench-${name}.draft-`));
    const env = { CGO_ENABLED: '0' };
    const built = await execa('go', ['build', '-tags', tags, '-o', draft, main], {
      cwd: sourceDir,
      env,
      all: true,
      reject: false,
      timeout: buildMsMax,
    });
    if (!built.failed) renameSync(join(draft, name), target);
    rmSync(draft, { recursive: true });
    if (built.failed) throw new Error(`${name} could not be built:\n${built.all?.slice(-3_000) ?? built.shortMessage}`);
    return target;
  });
}
