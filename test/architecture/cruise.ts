import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const root = resolve(import.meta.dirname, '../..');

export type Dependency = { readonly module: string; readonly resolved: string; readonly couldNotResolve: boolean };
export type Module = { readonly source: string; readonly dependencies: readonly Dependency[]; readonly dependents: readonly string[] };
export type Violation = { readonly from: string; readonly to: string; readonly rule: { readonly name: string } };
export type Cruise = { readonly modules: readonly Module[]; readonly summary: { readonly violations: readonly Violation[] } };

/** Runs dependency-cruiser in a tree, by the repository's own rules. */
export async function cruise(cwd: string, folders: readonly string[]): Promise<Cruise> {
  const script = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const argv = [script, '--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json', ...folders];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as Cruise;
}

/** A copy of the planted tree that looks like a workspace: installed packages, and `@waybill/<name>` linked to its own libs. */
export function layOutPlanted(): string {
  const tree = realpathSync(mkdtempSync(join(tmpdir(), 'waybill-planted-')));
  cpSync(join(import.meta.dirname, 'planted'), tree, { recursive: true });
  cpSync(join(root, 'package.json'), join(tree, 'package.json'));
  mkdirSync(join(tree, 'node_modules/@waybill'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@waybill') symlinkSync(join(root, 'node_modules', name), join(tree, 'node_modules', name));
  }
  for (const name of readdirSync(join(tree, 'libs'))) symlinkSync(join(tree, 'libs', name), join(tree, 'node_modules/@waybill', name));
  for (const name of readdirSync(join(tree, 'apps'))) symlinkSync(join(tree, 'apps', name), join(tree, 'node_modules/@waybill', name));
  return tree;
}
