import type { Topic } from '@waybill/domain';
import type { Cluster } from './cluster.ts';
import type { Input } from './input.ts';

/** @throws Error unless the topic holds every occurrence of the input, and each once */
export async function checkOutput(cluster: Cluster, output: Topic, input: Input): Promise<void> {
  const log = await cluster.openLog();
  const ids = new Set<string>();
  let count = 0;
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: output.name, partition };
    const { first, end } = await log.bounds(place);
    await log.read(place, { from: first, to: end }, (records) => {
      count += records.length;
      for (const { headers } of records) ids.add(String(headers['ce_id']));
    });
  }
  await log.close();
  const counts = `${output.name} holds ${count} records with ${ids.size} ids; the input has ${input.uniqueCount}`;
  if (count !== input.uniqueCount || ids.size !== input.uniqueCount)
    throw new Error(`a figure of a wrong result counts for nothing: ${counts}`);
}
