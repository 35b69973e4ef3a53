import type { Topic, TypedRecord } from '@waybill/domain';
import { recordsOf, type Codec, type EventLog } from '@waybill/stream';

/** A row of a state topic as it was written; undefined once it is gone. Later ones of a key in a partition replace earlier ones. */
export type LogRow = { readonly key: string; readonly partition: number; readonly row: TypedRecord | undefined };

/** How far a reading is. @param readCount Of this topic, in all partitions so far */
export type OnRead = (topic: string, readCount: number) => void;

const toldEvery = 1_000;

/** All rows of a state topic up to the end that it has now, partition by partition, oldest first. */
export async function* rowsOf(
  log: EventLog,
  codec: Codec,
  { name: topic }: Topic,
  onRead: OnRead = () => undefined,
): AsyncGenerator<LogRow> {
  let readCount = 0;
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic, partition };
    const { first, end } = await log.bounds(place);
    for await (const { key, value } of recordsOf(log, place, { from: first, to: end })) {
      readCount += 1;
      if (readCount % toldEvery === 0) onRead(topic, readCount);
      if (key !== null) yield { key: key.toString(), partition, row: value === null ? undefined : await codec.decode(value) };
    }
  }
}
