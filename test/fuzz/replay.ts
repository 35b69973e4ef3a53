// Reads the deliveries of a file, one JSON line each: what `coverage.ts` counts.
import { readFileSync } from 'node:fs';
import { readInput, type KeptInput } from './fuzz.ts';

for (const line of readFileSync(process.argv[2]!, 'utf8').split('\n').filter(Boolean)) {
  const { body, ...input } = JSON.parse(line) as KeptInput;
  readInput({ ...input, body: Buffer.from(body, 'base64') });
}
