// Loaded before the gateway in the run that is sampled: one SIGUSR2 begins, the next one ends and writes the profile.
import { writeFileSync } from 'node:fs';
import { startProfile } from './profile.ts';

let stop: ReturnType<typeof startProfile> | undefined;
process.on('SIGUSR2', () => {
  if (stop === undefined) stop = startProfile();
  else void stop.then(async (end) => writeFileSync(process.env['BENCH_PROFILE']!, JSON.stringify(await end())));
});
