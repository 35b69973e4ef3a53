import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { InfraError } from './errors.ts';
import { withLock } from './lock.ts';
import { repositoryRoot, toolsDir } from './paths.ts';

/** Where a program lies: among our own tools or on the PATH. */
export function findProgram(name: string, dir = toolsDir(), path = process.env['PATH'] ?? ''): string | undefined {
  const candidates = [join(dir, 'bin', name), ...path.split(delimiter).map((entry) => join(entry, name))];
  return candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile());
}

export type Progress = (line: string) => void;

/** Jars lie in a directory named after the pom that asked for them: another pom is another directory. */
const pomPath = join(repositoryRoot, 'infra/local/pom.xml');

/** Built by Go, pinned. */
export const goTools = {
  registry: 'github.com/distribution/distribution/v3/cmd/registry@v3.0.0',
  crane: 'github.com/google/go-containerregistry/cmd/crane@v0.22.1',
  regctl: 'github.com/regclient/regclient/cmd/regctl@v0.11.7',
  regsync: 'github.com/regclient/regclient/cmd/regsync@v0.11.7',
  cosign: 'github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3',
  syft: 'github.com/anchore/syft/cmd/syft@v1.52.0',
  'osv-scanner': 'github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.5.0',
} as const satisfies Record<string, string>;
export type GoTool = keyof typeof goTools;

export type ToolOptions = { readonly dir?: string; readonly onProgress?: Progress };

/** Of one download or build: syft takes a quarter of an hour on two busy cores. */
const bringMsMax = 30 * 60_000;

const lockOptions = (what: string, onProgress: Progress) => ({
  timeoutMs: bringMsMax + 60_000,
  onWait: (pid: number) => onProgress(`${what}: process ${pid} is bringing it, waiting`),
});

type MavenTool = 'kafka' | 'apicurio';

function targetOf(tool: MavenTool, dir: string): string {
  const pomHash = createHash('sha256').update(readFileSync(pomPath)).digest('hex').slice(0, 8);
  return join(dir, `${tool}-${pomHash}`);
}

/** Whether it lies here already, so that Maven is not needed. */
export const isBrought = (tool: MavenTool, dir = toolsDir()): boolean => existsSync(targetOf(tool, dir));

async function ensureMavenExecution(execution: MavenTool, goal: string, options: ToolOptions): Promise<string> {
  const { dir = toolsDir(), onProgress = () => {} } = options;
  const target = targetOf(execution, dir);
  if (existsSync(target)) return target;
  mkdirSync(dir, { recursive: true });
  return withLock(join(dir, `${execution}.lock`), lockOptions(execution, onProgress), async () => {
    if (existsSync(target)) return target;
    clearDrafts(dir, execution);
    const draft = mkdtempSync(join(dir, `${execution}.draft-`));
    const args = ['-B', '-f', pomPath, `dependency:${goal}@${execution}`, `-DoutputDirectory=${draft}`];
    await runWithProgress('mvn', args, execution, onProgress);
    renameSync(draft, target); // Complete or absent: a broken download leaves only a draft, which the next start clears.
    return target;
  });
}

/** @returns the directory of Kafka's jars @throws InfraError `DOWNLOAD_FAILED` */
export async function ensureKafka(options: ToolOptions = {}): Promise<string> {
  return ensureMavenExecution('kafka', 'copy-dependencies', options);
}

/** @returns the directory of the unpacked Apicurio Registry @throws InfraError `DOWNLOAD_FAILED` */
export async function ensureApicurio(options: ToolOptions = {}): Promise<string> {
  return ensureMavenExecution('apicurio', 'unpack', options);
}

/**
 * Builds a pinned Go program into `bin/` once; another pin builds it anew.
 * @returns its path @throws InfraError `DOWNLOAD_FAILED`
 */
export async function ensureGoTool(tool: GoTool, options: ToolOptions = {}): Promise<string> {
  const { dir = toolsDir(), onProgress = () => {} } = options;
  const target = join(dir, 'bin', tool);
  const pinPath = `${target}.pin`;
  const isBuilt = () => existsSync(target) && existsSync(pinPath) && readFileSync(pinPath, 'utf8') === goTools[tool];
  if (isBuilt()) return target;
  mkdirSync(join(dir, 'bin'), { recursive: true });
  return withLock(join(dir, `go-${tool}.lock`), lockOptions(tool, onProgress), async () => {
    if (isBuilt()) return target;
    clearDrafts(dir, tool);
    const draft = mkdtempSync(join(dir, `${tool}.draft-`));
    onProgress(`${tool}: building with Go`);
    await runWithProgress('go', ['install', goTools[tool]], tool, onProgress, { GOBIN: draft, CGO_ENABLED: '0' });
    rmSync(pinPath, { force: true });
    renameSync(join(draft, tool), target);
    writeFileSync(pinPath, goTools[tool]);
    rmSync(draft, { recursive: true });
    return target;
  });
}

function clearDrafts(dir: string, name: string): void {
  for (const entry of readdirSync(dir)) {
    if (entry.startsWith(`${name}.draft-`)) rmSync(join(dir, entry), { recursive: true, force: true });
  }
}

/** Runs a downloader; tells how far it is: every two seconds while files come, every five while one large file does, later less often. */
async function runWithProgress(
  command: string,
  args: readonly string[],
  what: string,
  onProgress: Progress,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const run = execa(command, args, { env, all: true, stdin: 'ignore', reject: false, timeout: bringMsMax });
  const tail: string[] = [];
  const startedAtMs = performance.now();
  let filesCount = 0;
  let toldAtMs = startedAtMs;
  const tellAfter = (silenceMs: number): void => {
    const nowMs = performance.now();
    if (nowMs - toldAtMs < silenceMs) return;
    toldAtMs = nowMs;
    onProgress(`${what}: ${filesCount} files so far, ${Math.round((nowMs - startedAtMs) / 1_000)} s`);
  };
  const heartbeat = setInterval(() => tellAfter(performance.now() - startedAtMs < 60_000 ? 5_000 : 30_000), 1_000);
  for await (const line of createInterface({ input: run.all })) {
    tail.push(line);
    if (tail.length > 20) tail.shift();
    if (!/Downloaded from|go: downloading|Expanding/.test(line)) continue;
    filesCount++;
    tellAfter(2_000);
  }
  clearInterval(heartbeat);
  const result = await run;
  if (!result.failed) return;
  const reason = tail.length > 0 ? tail.join('\n') : result.shortMessage;
  throw new InfraError(
    'DOWNLOAD_FAILED',
    `${what} could not be brought by ${command}; start again to try again. Its last lines:\n${reason}`,
  );
}
