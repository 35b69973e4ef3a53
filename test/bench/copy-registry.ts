import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startReady } from '../../infra/local/launch.ts';
import { pickPorts } from '../../infra/local/ports.ts';
import { ensureGoTool } from '../../infra/local/tools.ts';
import { usageOf } from './usage.ts';

/** CNCF Distribution as the bench runs it: on files, and silent unless its requests are to be counted. */
export type BenchRegistry = {
  readonly host: string;
  readonly storageDir: string;
  readonly cpuMs: () => number;
  /** Lines of its access log so far. */
  readonly requests: () => readonly RegistryRequestLine[];
  readonly stop: () => Promise<void>;
};
export type RegistryRequestLine = { readonly method: string; readonly path: string; readonly status: number };

type RegistryOptions = { readonly dir: string; readonly name: string; readonly storageDir?: string; readonly isCounted?: boolean };

export async function startRegistry({
  dir,
  name,
  storageDir = join(dir, name),
  isCounted = false,
}: RegistryOptions): Promise<BenchRegistry> {
  const command = await ensureGoTool('registry');
  const [port] = await pickPorts(1);
  mkdirSync(storageDir, { recursive: true });
  const configPath = join(dir, `${name}.yaml`);
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: !isCounted } },
    storage: {
      filesystem: { rootdirectory: storageDir },
      ...{ cache: { blobdescriptor: 'inmemory' }, delete: { enabled: true }, maintenance: { uploadpurging: { enabled: false } } },
    },
    http: { addr: `127.0.0.1:${port}`, secret: 'signs-uploads-of-the-bench' },
  };
  writeFileSync(configPath, stringify(config));
  const logPath = join(dir, `${name}.log`);
  rmSync(logPath, { force: true });
  const running = await startReady({
    ...{ name, command, args: ['serve', configPath], logPath, pidPath: join(dir, `${name}.pid`) },
    env: { OTEL_TRACES_EXPORTER: 'none' }, // Otherwise it looks for a collector on this machine.
    ...{ address: `127.0.0.1:${port}`, probe: { kind: 'http', url: `http://127.0.0.1:${port}/v2/` } },
    ...{ readyTimeoutMs: 30_000, stopGraceMs: 10_000 },
  });
  return {
    host: `127.0.0.1:${port}`,
    storageDir,
    cpuMs: () => usageOf(running.pid).cpuMs,
    requests: () => parseAccessLog(readFileSync(logPath, 'utf8')),
    stop: running.stop,
  };
}

/** Apache's combined format; our probe for readiness is left out. */
export function parseAccessLog(text: string): readonly RegistryRequestLine[] {
  const lines = text.matchAll(/"([A-Z]+) (\S+) HTTP\/1\.1" (\d{3}) \d+ "[^"]*" "([^"]*)"/g);
  return [...lines]
    .filter(([, , path, , agent]) => !(path === '/v2/' && agent === 'node'))
    .map(([, method, path, status]) => ({ method: method!, path: path!, status: Number(status) }));
}
