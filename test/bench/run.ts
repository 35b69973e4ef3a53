// `npm run bench -- stream`: what the stream runtime does per second, beside Kafka Streams on the same broker. See README.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../../infra/local/paths.ts';
import { renderTable } from '../../infra/local/table.ts';
import { startCluster } from './cluster.ts';
import { appendInput } from './input.ts';
import { runOurs } from './ours.ts';
import { profileTables } from './profile.ts';
import { inputTopic } from './topology.ts';

const options = { records: { type: 'string', default: '1000000' }, profile: { type: 'boolean', default: false } } as const;
const { values } = parseArgs({ options, allowPositionals: true });

const cluster = await startCluster();
try {
  const recordsCount = Number(values.records);
  console.log('making the input');
  const input = await appendInput(cluster, inputTopic, { recordsCount, keysCount: recordsCount / 5, duplicatesPercent: 1, seed: 1 });
  const { profile, ...figures } = await runOurs(cluster, input, { instances: 1, restore: true, profile: values.profile });
  console.log(figures, input.uniqueCount);
  if (profile) {
    for (const table of profileTables(profile, recordsCount)) console.log(`\n${renderTable(table)}`);
    const dir = join(repositoryRoot, '.waybill/bench');
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'stream.cpuprofile'), JSON.stringify(profile));
  }
} finally {
  await cluster.stop();
}
