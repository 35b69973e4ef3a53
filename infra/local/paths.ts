import { resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../..');

/** Where downloads lie; shared by all local stacks. `WAYBILL_TOOLS` moves it. */
export function toolsDir(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(repositoryRoot, env['WAYBILL_TOOLS'] || '.waybill/tools');
}

/**
 * What Node has compiled: a third of an app's start and 20 MiB of each, which the reading of TypeScript takes. Nothing is lost with it.
 * For the environment, since a program's own modules are compiled before its first line runs.
 */
export const compileCache = { NODE_COMPILE_CACHE: resolve(repositoryRoot, '.waybill/compile-cache') } as const;

/** Data, logs and secrets of the stack that `npm start` runs. `WAYBILL_HOME` moves it. */
export function homeDir(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(repositoryRoot, env['WAYBILL_HOME'] || '.waybill/local');
}
