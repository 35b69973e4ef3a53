import { createHash } from 'node:crypto';
import type { Event, Topic } from '@waybill/domain';
import type { Codec, EventLog, LogRecord, TopicPartition } from './event-log.ts';
import { decodeEvent, parseMeta } from './record.ts';
import { sandboxName } from './sandbox.ts';

/**
 * What became of an event, told apart by its id, which follows from the app, the input, topic and type:
 * - `same`, `changed`: said now as then, and with other content;
 * - `additional`: said now alone; `missing`: said then alone;
 * - `work`: said then alone, of an input whose jobs were not run now: it would come of them, or not at all.
 */
export type Verdict = 'same' | 'changed' | 'additional' | 'missing' | 'work';

export type OutputCount = { readonly topic: string; readonly type: string } & Readonly<Record<Verdict, number>>;
export type Difference = {
  readonly verdict: Exclude<Verdict, 'same' | 'work'>;
  readonly topic: string;
  readonly type: string;
  readonly id: string;
  readonly subject: string;
  /** Of `changed`: where, what was said then, what is said now. As JSON, cut. */
  readonly fields: readonly { readonly path: string; readonly then: string; readonly now: string }[];
};

export type CompareOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly app: string;
  readonly sandbox: string;
  readonly outputs: readonly Topic[];
  /** Ids that the inputs of the range give to what follows from them, and those of them that led to jobs. */
  readonly causes: ReadonlySet<string>;
  readonly jobCauses: ReadonlySet<string>;
  /** What was said before it is not looked at. */
  readonly sinceMs: number;
  readonly differencesMax: number;
};

type Said = TopicPartition & { readonly offset: number; readonly type: string; readonly subject: string; readonly digest: string };

/**
 * Compares what lies in a sandbox, where no transaction is open any more, with what the live app has said of the same inputs. Holds a
 * digest per event, not the events.
 */
export async function compareOutputs(options: CompareOptions): Promise<{
  readonly counts: readonly OutputCount[];
  readonly differences: readonly Difference[];
}> {
  const counts = new Map<string, { -readonly [K in keyof OutputCount]: OutputCount[K] }>();
  const differences: Difference[] = [];
  const count = (topic: string, type: string, verdict: Verdict): void => {
    const none = { topic, type, same: 0, changed: 0, additional: 0, missing: 0, work: 0 };
    const entry = counts.get(`${topic}/${type}`) ?? none;
    counts.set(`${topic}/${type}`, entry);
    entry[verdict] += 1;
  };
  const differ = async (topic: string, verdict: Difference['verdict'], id: string, then?: Said, now?: Said): Promise<void> => {
    const { type, subject } = (now ?? then)!;
    count(topic, type, verdict);
    if (differences.length >= options.differencesMax) return;
    const fields = then && now ? changedFields(await dataAt(options, then), await dataAt(options, now)) : [];
    differences.push({ verdict, topic, type, id, subject, fields });
  };

  for (const { name: topic } of options.outputs) {
    const now = await saidNow(options, topic);
    await eachSaidThen(options, topic, async (id, causationId, then) => {
      const said = now.get(id);
      now.delete(id);
      if (said?.digest === then.digest) count(topic, then.type, 'same');
      else if (said) await differ(topic, 'changed', id, then, said);
      else if (options.jobCauses.has(causationId ?? '')) count(topic, then.type, 'work');
      else await differ(topic, 'missing', id, then);
    });
    for (const [id, said] of now) await differ(topic, 'additional', id, undefined, said);
  }
  return { counts: [...counts.values()].toSorted((a, b) => (a.topic + a.type < b.topic + b.type ? -1 : 1)), differences };
}

async function saidNow({ log, codec, sandbox }: CompareOptions, topic: string): Promise<Map<string, Said>> {
  const said = new Map<string, Said>();
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: sandboxName(topic, sandbox), partition };
    const { first, end } = await log.bounds(place);
    const take = async (records: readonly LogRecord[]): Promise<void> => {
      for (const record of records) {
        const event = await decodeEvent(codec, record);
        said.set(event.meta.id, saidOf(record, event));
      }
    };
    await log.read(place, { from: first, to: end }, take);
  }
  return said;
}

/** Calls back for what the live app has said of the inputs, or passed on of them. What cannot be read has been said by somebody else. */
async function eachSaidThen(
  { log, codec, app, causes, sinceMs }: CompareOptions,
  topic: string,
  onSaid: (id: string, causationId: string | null, said: Said) => Promise<void>,
): Promise<void> {
  const isOfInputs = (record: LogRecord): boolean => {
    try {
      const { id, source, causationId } = parseMeta(record.headers);
      return causes.has(id) || (source === `/waybill/${app}` && causationId !== null && causes.has(causationId));
    } catch {
      return false;
    }
  };
  for (let partition = 0; causes.size > 0 && partition < log.partitions; partition++) {
    const place = { topic, partition };
    const [from, { end }] = [await log.offsetAt(place, sinceMs), await log.bounds(place)];
    const take = async (records: readonly LogRecord[]): Promise<void> => {
      for (const record of records.filter(isOfInputs)) {
        const event = await decodeEvent(codec, record);
        await onSaid(event.meta.id, event.meta.causationId, saidOf(record, event));
      }
    };
    await log.read(place, { from, to: end }, take);
  }
}

/** The decoded content: a schema that was added to since makes no difference. */
function saidOf({ topic, partition, offset, key }: LogRecord, { type, data, meta }: Event): Said {
  const digest = createHash('sha256').update(JSON.stringify([type, key?.toString('base64'), data])).digest('base64'); // prettier-ignore
  return { topic, partition, offset, type, subject: meta.subject, digest };
}

async function dataAt({ log, codec }: CompareOptions, { topic, partition, offset }: Said): Promise<unknown> {
  let data: unknown;
  await log.read({ topic, partition }, { from: offset, to: offset + 1 }, async ([record]) => {
    if (record) data = (await decodeEvent(codec, record)).data;
  });
  return data;
}

const fieldsMax = 10;
const textMax = 200;

/** Paths at which two values differ, the first ones. */
export function changedFields(then: unknown, now: unknown, path = ''): Difference['fields'] {
  if (isObject(then) && isObject(now)) {
    const names = [...new Set([...Object.keys(then), ...Object.keys(now)])];
    return names.flatMap((name) => changedFields(then[name], now[name], path === '' ? name : `${path}.${name}`)).slice(0, fieldsMax);
  }
  const [a, b] = [textOf(then), textOf(now)];
  return a === b ? [] : [{ path: path === '' ? '(all)' : path, then: cut(a), now: cut(b) }];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Buffer.isBuffer(value);
const textOf = (value: unknown): string => (Buffer.isBuffer(value) ? value.toString('hex') : (JSON.stringify(value) ?? 'nothing'));
const cut = (text: string): string => (text.length <= textMax ? text : `${text.slice(0, textMax - 1)}…`);
