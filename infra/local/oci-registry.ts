import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startReady, type Handle, type Launch } from './launch.ts';
import { renderOciRegistryConfig, type Notifications } from './oci-registry.config.ts';
import { portOrFree } from './ports.ts';
import { writeFileAtomic } from './process.ts';
import { ensureSecret } from './secrets.ts';
import { ensureGoTool, findProgram, type Progress } from './tools.ts';

export type OciRegistryOptions = {
  /** `oci-registry` unless there are several. */
  readonly name?: string;
  readonly dataDir: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logPath?: string;
  readonly notifications?: Notifications;
  readonly readyTimeoutMs?: number;
  readonly onProgress?: Progress;
};

export type OciRegistry = Handle & { readonly host: string; readonly url: string };

/** Brings CNCF Distribution if need be and writes its configuration, mode 0600. @throws InfraError `DOWNLOAD_FAILED` */
export async function prepareOciRegistry(options: OciRegistryOptions): Promise<Launch> {
  const program = await findRegistry(options.onProgress);
  const { name = 'oci-registry', notifications } = options;
  const dataDir = resolve(options.dataDir);
  const port = await portOrFree(options.port);
  const configPath = join(dataDir, 'config.yaml');
  const uploadSecret = ensureSecret(join(dataDir, 'upload-secret'));
  const storageDir = join(dataDir, 'storage');
  mkdirSync(storageDir, { recursive: true });
  const settings = { port, storageDir, uploadSecret, ...(notifications === undefined ? {} : { notifications }) };
  writeFileAtomic(configPath, renderOciRegistryConfig(settings), 0o600);
  return {
    name,
    command: program.command,
    args: [...program.args, configPath],
    env: { OTEL_TRACES_EXPORTER: 'none' }, // Otherwise it looks for a collector on this machine and logs that there is none.
    cwd: dataDir,
    logPath: resolve(options.logPath ?? join(dataDir, 'registry.log')),
    pidPath: join(dataDir, 'registry.pid'),
    address: `127.0.0.1:${port}`,
    probe: { kind: 'http', url: `http://127.0.0.1:${port}/v2/` },
    readyTimeoutMs: options.readyTimeoutMs ?? 30_000,
    stopGraceMs: 10_000,
  };
}

type Program = { readonly command: string; readonly args: readonly string[] };

/** The real one: ours, built by Go where it is there, or Debian's; else the small one that unit tests use, which forgets at its end. */
async function findRegistry(onProgress: Progress = () => {}): Promise<Program> {
  const args = ['serve'];
  if (findProgram('go') !== undefined) return { command: await ensureGoTool('registry', { onProgress }), args };
  const built = findProgram('registry') ?? findProgram('docker-registry');
  if (built !== undefined) return { command: built, args };
  onProgress('oci-registry: neither Go nor docker-registry is here, so a small registry in memory takes its place');
  return { command: process.execPath, args: [join(import.meta.dirname, 'small-registry.ts')] };
}

/** A real registry on loopback, without authentication. @throws InfraError `NOT_READY`, `DOWNLOAD_FAILED` */
export async function startOciRegistry(options: OciRegistryOptions): Promise<OciRegistry> {
  const launch = await prepareOciRegistry(options);
  const { pid, stop, kill } = await startReady(launch);
  return { host: launch.address, url: `http://${launch.address}`, pid, stop, kill };
}
