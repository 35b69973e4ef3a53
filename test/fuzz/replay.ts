// Reads the deliveries of a file, one JSON line each: what `coverage.ts` counts.
import { open } from 'node:fs/promises';
import { readInput, type KeptInput } from './fuzz.ts';

const file = await open(process.argv[2]!);
for await (const line of file.readLines()) {
  const { body, ...input } = JSON.parse(line) as KeptInput;
  readInput({ ...input, body: Buffer.from(body, 'base64') });
}
