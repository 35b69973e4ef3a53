// Freezes the schemas as they are: `npm run schemas:release`. What was released before is compared, never changed.
import { readFileSync, writeFileSync } from 'node:fs';
import { readSchemaFiles } from './schema-files.ts';
import type { SchemaFile } from './schema-files.ts';

/** SHA-256 of each released file by its path: events written with it lie in logs that are kept for ever. */
export type Released = Readonly<Record<string, string>>;

const releasedPath = `${import.meta.dirname}/released.json`;
export const readReleased = (): Released => JSON.parse(readFileSync(releasedPath, 'utf8')) as Released;

/** Released files that are not what they were, with what to do instead. */
export function releaseFaults(released: Released, files: readonly Pick<SchemaFile, 'path' | 'sha256'>[]): readonly string[] {
  const now = new Map(files.map(({ path, sha256 }) => [path, sha256]));
  return Object.entries(released).flatMap(([path, sha256]) => {
    if (!now.has(path)) return [`schemas/${path} was released and is gone: events in logs were written with it`];
    return now.get(path) === sha256
      ? []
      : [`schemas/${path} was released and has changed: put it back, and add the change as its next version`];
  });
}

if (import.meta.main) {
  const files = readSchemaFiles();
  const faults = releaseFaults(readReleased(), files);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const released = Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
  writeFileSync(releasedPath, `${JSON.stringify(released, null, 2)}\n`);
}
