import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findPlan } from './home.ts';
import { homeDir } from './paths.ts';
import { lastLines, sizeOf } from './readiness.ts';

/** `npm run logs [name...] [-- -f]`: the end of the logs, and with -f what comes. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { follow: { type: 'boolean', short: 'f', default: false }, lines: { type: 'string', short: 'n', default: '20' } },
});
const logs = new Map((findPlan(homeDir())?.parts ?? []).map(({ launch }) => [launch.name, launch.logPath]));
const unknown = positionals.filter((name) => !logs.has(name));
const linesMax = Number(values.lines);
if (logs.size === 0) fail('There are no logs yet: npm start', 1);
if (unknown.length > 0) fail(`No log of ${unknown.join(', ')}; there are: ${[...logs.keys()].join(', ')}`, 2);
if (!Number.isSafeInteger(linesMax) || linesMax < 0) fail('usage: npm run logs [name...] [-- -f] [-- -n <lines>]', 2);

const names = positionals.length === 0 ? [...logs.keys()] : positionals;
const nameWidth = Math.max(...names.map((name) => name.length));
const shown = names.map((name) => ({ name, path: logs.get(name) as string, readBytes: sizeOf(logs.get(name) as string) }));
for (const { name, path } of shown) show(name, linesMax === 0 ? '' : lastLines(path, linesMax));

while (values.follow) {
  await sleep(250);
  for (const log of shown) {
    const sizeBytes = sizeOf(log.path);
    if (sizeBytes < log.readBytes) log.readBytes = 0; // It was rotated.
    if (sizeBytes > log.readBytes) log.readBytes += showWholeLines(log.name, log.path, log.readBytes, sizeBytes);
  }
}

/** @returns how many bytes were shown: up to the last line end, or all when a line is longer than the buffer */
function showWholeLines(name: string, path: string, fromBytes: number, toBytes: number): number {
  const buffer = Buffer.alloc(Math.min(toBytes - fromBytes, 1_048_576));
  const file = openSync(path, 'r');
  readSync(file, buffer, 0, buffer.length, fromBytes);
  closeSync(file);
  const end = buffer.lastIndexOf('\n') + 1;
  const shownBytes = end === 0 && buffer.length === 1_048_576 ? buffer.length : end;
  show(name, buffer.toString('utf8', 0, shownBytes).trimEnd());
  return shownBytes;
}

function show(name: string, text: string): void {
  if (text === '') return;
  const prefix = names.length === 1 ? '' : `${name.padEnd(nameWidth)} | `;
  process.stdout.write(
    text
      .split('\n')
      .map((line) => `${prefix}${line}\n`)
      .join(''),
  );
}

function fail(message: string, code: number): never {
  console.error(message);
  process.exit(code);
}
