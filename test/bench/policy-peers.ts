import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { withLock } from '../../infra/local/lock.ts';
import { toolsDir } from '../../infra/local/paths.ts';
import { ensureGoProgram } from './go-program.ts';
import type { PolicyFigures } from './policy-figures.ts';
import type { OurFigures } from './policy-ours-main.ts';

const peersDir = join(import.meta.dirname, 'peers/policy');
const evaluationMsMax = 10 * 60_000;
const installMsMax = 5 * 60_000;

/** @param kind What the policies are told apart by */
export async function runOurs(kind: 'tenants' | 'wildcards' | 'selectors', policies: number, evaluations: number): Promise<OurFigures> {
  const main = join(import.meta.dirname, 'policy-ours-main.ts');
  return told(process.execPath, ['--expose-gc', main, kind, String(policies), String(evaluations)]);
}

/** @param dataDir With `data.json` and `images.json` */
export async function runOpa(dataDir: string, arrangement: 'flat' | 'tenant', evaluations: number): Promise<PolicyFigures> {
  return told(await ensureGoProgram('opa'), [dataDir, arrangement, join(peersDir, 'opa/policies.rego'), String(evaluations)]);
}

export async function runCedar(dataDir: string, arrangement: 'one' | 'tenant', evaluations: number): Promise<PolicyFigures> {
  return told(process.execPath, [join(peersDir, 'cedar/main.ts'), await ensureCedar(), dataDir, arrangement, String(evaluations)]);
}

async function told<T>(command: string, args: readonly string[]): Promise<T> {
  const { stdout } = await execa(command, args, { timeout: evaluationMsMax });
  return JSON.parse(stdout) as T;
}

/** Installs what `peers/policy/cedar` pins, once per version. @returns the folder of the package */
export async function ensureCedar(): Promise<string> {
  const manifest = join(peersDir, 'cedar/package.json');
  const hash = createHash('sha256').update(readFileSync(manifest)).digest('hex').slice(0, 8);
  const target = join(toolsDir(), `bench-cedar-${hash}`);
  if (existsSync(target)) return target;
  mkdirSync(toolsDir(), { recursive: true });
  return withLock(join(toolsDir(), 'bench-cedar.lock'), { timeoutMs: installMsMax }, async () => {
    if (existsSync(target)) return target;
    const draft = mkdtempSync(join(toolsDir(), 'bench-cedar.draft-'));
    try {
      cpSync(manifest, join(draft, 'package.json'));
      await execa('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: draft, timeout: installMsMax });
      renameSync(draft, target);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return target;
  });
}
