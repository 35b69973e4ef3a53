// Loaded before the gateway in the run that is sampled: one SIGWINCH begins, the next one ends and writes the profile. Other signals that
// one might take for it end the gateway.
import { writeFileSync } from 'node:fs';
import { startProfile } from './profile.ts';

let stop: ReturnType<typeof startProfile> | undefined;
process.on('SIGWINCH', () => {
  if (stop === undefined) stop = startProfile();
  else void stop.then(async (end) => writeFileSync(process.env['BENCH_PROFILE']!, JSON.stringify(await end())));
});
