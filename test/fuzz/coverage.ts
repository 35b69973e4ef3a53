import { closeSync, globSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Input } from './mutate.ts';

/** Lines of code of a file, counted from 1, and those of them that were never reached. */
export type FileCoverage = { readonly path: string; readonly linesCount: number; readonly missed: readonly number[] };

/** As V8 tells it (Chrome DevTools protocol, `Profiler.ScriptCoverage`): a range inside of another says more than that. */
type Script = {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly { startOffset: number; endOffset: number; count: number }[] }[];
};

/**
 * What of the files below `folder` is reached when `inputs` are read, in a process of its own: counting makes everything several times
 * slower, and would make slow inputs of all large ones.
 */
export async function coverageOf(inputs: readonly Input[], folder: string): Promise<readonly FileCoverage[]> {
  const place = mkdtempSync(join(tmpdir(), 'waybill-fuzz-coverage-'));
  try {
    const path = join(place, 'inputs');
    const file = openSync(path, 'w'); // A line at a time: all of them are longer than a string may be.
    for (const input of inputs) writeSync(file, `${JSON.stringify({ ...input, body: input.body.toString('base64') })}\n`);
    closeSync(file);
    await execa('nice', [process.execPath, join(import.meta.dirname, 'replay.ts'), path], {
      env: { NODE_V8_COVERAGE: join(place, 'v8') },
    });
    return globSync(join(place, 'v8/*.json'))
      .flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as { readonly result: readonly Script[] }).result)
      .filter(({ url }) => url.startsWith('file://') && fileURLToPath(url).startsWith(folder))
      .map(linesOf)
      .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    rmSync(place, { recursive: true });
  }
}

function linesOf({ url, functions }: Script): FileCoverage {
  const path = fileURLToPath(url);
  // What V8 has compiled: types are blanks there, at the same places.
  const source = stripTypeScriptTypes(readFileSync(path, 'utf8'));
  const isMissed = new Uint8Array(source.length);
  for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges))
    isMissed.fill(count === 0 ? 1 : 0, startOffset, endOffset);
  const missed: number[] = [];
  let [linesCount, offset] = [0, 0];
  for (const [index, line] of source.split('\n').entries()) {
    const code = line.trim();
    if (/\w/.test(code) && !/^(?:\*|\/\/|\/\*|import\b)/.test(code)) {
      linesCount += 1;
      const start = offset + line.indexOf(code);
      if (isMissed.subarray(start, start + code.length).includes(1)) missed.push(index + 1);
    }
    offset += line.length + 1;
  }
  return { path, linesCount, missed };
}
