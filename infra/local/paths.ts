import { resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../..');

/** Where downloads lie; shared by all local stacks. `WAYBILL_TOOLS` moves it. */
export function toolsDir(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(repositoryRoot, env['WAYBILL_TOOLS'] || '.waybill/tools');
}

/** Data, logs and secrets of the stack that `npm start` runs. `WAYBILL_HOME` moves it. */
export function homeDir(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(repositoryRoot, env['WAYBILL_HOME'] || '.waybill/local');
}
