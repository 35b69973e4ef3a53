import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How to reach a registry. Secrets go to the scanner by file and environment, never by its command line. */
export type RegistryAccess = {
  readonly plainHttp: boolean;
  /** `host[:port]` to pull from, where that is not the registry's name. */
  readonly pullHost?: string;
  readonly username?: string;
  readonly password?: string;
};

/** Paths of one scan; all of it is removed afterwards, also what a killed scanner left behind. */
export type Scratch = { readonly directory: string; readonly sbomPath: string; readonly outputPath: string };

/** Runs `use` with a directory that only this user can read, holding a Docker `config.json` with the registry's credentials. */
export async function withScratch<T>(
  registry: string,
  access: RegistryAccess | undefined,
  use: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-scan-')); // 0700 by POSIX.
  try {
    await writeFile(join(directory, 'config.json'), dockerConfig(registry, access), { mode: 0o600 });
    return await use({ directory, sbomPath: join(directory, 'bom.cdx.json'), outputPath: join(directory, 'report.json') });
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The format of `docker login`, which every scanner's registry client reads from `$DOCKER_CONFIG`. */
function dockerConfig(registry: string, access: RegistryAccess | undefined): string {
  if (access?.username === undefined || access.password === undefined) return '{}';
  // Docker Hub's entry has kept the name of its first API.
  const entry = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  const auth = Buffer.from(`${access.username}:${access.password}`).toString('base64');
  return JSON.stringify({ auths: { [entry]: { auth } } });
}
