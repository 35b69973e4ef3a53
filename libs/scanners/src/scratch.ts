import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findStartTime } from './process-table.ts';

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

/** A scanner and all that it starts have the path of their directory in the environment under this name. */
export const markName = 'WAYBILL_SCAN';

/** The app whose scan it is, in the directory's name: with the directory there is its owner, at whatever moment the app is killed. */
const namePrefix = (): string => `scan-${process.pid}-${findStartTime(process.pid) ?? 0}-`;

/** Whose directory it is; undefined for a name that is none of ours. */
export function ownerOf(name: string): { readonly pid: number; readonly startTime: string } | undefined {
  const [, pid, startTime] = /^scan-(\d{1,10})-(\d{1,20})-\w{6}$/.exec(name) ?? [];
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
}

/** Runs `use` with a directory that only this user can read, holding a Docker `config.json` with the registry's credentials. */
export async function withScratch<T>(
  scratchDir: string,
  registry: string,
  access: RegistryAccess | undefined,
  use: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  await mkdir(scratchDir, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(resolve(scratchDir), namePrefix())); // 0700 by POSIX.
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
