// `npm run bench -- <suite>`: how fast it is, beside others that do the same on the same machine. See README.md.
import { UsageError } from './bench.ts';
import { copyBench } from './copy.ts';
import { gatewayBench } from './gateway.ts';
import { policyBench } from './policy.ts';
import { sweepBench } from './policy-sweep.ts';
import { streamBench } from './stream.ts';

const suites = new Map([
  ['copy', copyBench],
  ['gateway', gatewayBench],
  ['policy', policyBench],
  ['policy-sweep', sweepBench],
  ['stream', streamBench],
]);

const [name = '', ...args] = process.argv.slice(2);
try {
  const suite = suites.get(name);
  if (suite === undefined) throw new UsageError(`npm run bench -- ${[...suites.keys()].join('|')} [options]`);
  await suite(args);
} catch (error) {
  const isUsage = error instanceof UsageError || (error as { readonly code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  console.error(isUsage ? (error as Error).message : error);
  process.exit(1);
}
