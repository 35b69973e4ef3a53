// Runs one planted file as the runner does, in a process of its own: node:test refuses to run files from within a test.
import { runTestFile } from '../test-file.ts';

const [file, timeoutMs, grep] = process.argv.slice(2);
const outcome = await runTestFile(`test/runner/planted/${file}`, {
  cwd: process.cwd(),
  env: process.env,
  marker: `${process.env['WAYBILL_TEST_RUN'] ?? 'planted'}/${file}`,
  timeoutMs: Number(timeoutMs),
  signal: new AbortController().signal,
  ...(grep === undefined ? {} : { grep: new RegExp(grep) }),
});
process.stdout.write(JSON.stringify(outcome), () => process.exit(0));
