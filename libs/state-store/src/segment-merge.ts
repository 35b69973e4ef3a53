import type { Row } from './segment-file.ts';

type Head = { row: Row; lead: number; readonly age: number; readonly rest: Iterator<Row, void> };

/**
 * The rows of several segments in key order, of each key that of the newest segment alone, without those whose value sorts below.
 * Each row is good until the next is asked for.
 * @param sources the oldest first, each in key order
 */
export function* mergedRows(sources: readonly Iterable<Row>[], below?: Buffer): Generator<Row> {
  const heads: Head[] = [];
  sources.forEach((source, age) => {
    const rest = source[Symbol.iterator]() as Iterator<Row, void>;
    const first = rest.next().value;
    if (first) insert(heads, { row: first, lead: leadOf(first.key), age, rest });
  });
  for (let head = heads.shift(); head; head = heads.shift()) {
    while (heads[0]?.lead === head.lead && heads[0].row.key.equals(head.row.key)) advance(heads, heads.shift()!); // Older ones.
    if (!below || head.row.value.compare(below) >= 0) yield head.row;
    advance(heads, head);
  }
}

function advance(heads: Head[], head: Head): void {
  const next = head.rest.next().value;
  if (!next) return;
  head.row = next;
  head.lead = leadOf(next.key);
  insert(heads, head);
}

/** Keeps the order: by key, and of one key the newest first. There are few heads. */
function insert(heads: Head[], head: Head): void {
  let at = heads.length;
  heads.push(head);
  for (; at > 0 && order(heads[at - 1]!, head) > 0; at--) heads[at] = heads[at - 1]!;
  heads[at] = head;
}

const order = (a: Head, b: Head): number => a.lead - b.lead || a.row.key.compare(b.row.key) || b.age - a.age;

const leadBytes = 6;

/** Numbers compare faster than bytes, and most keys differ in the first ones. */
const leadOf = (key: Buffer): number =>
  key.length >= leadBytes
    ? key.readUIntBE(0, leadBytes)
    : key.length === 0
      ? 0
      : key.readUIntBE(0, key.length) * 256 ** (leadBytes - key.length);
