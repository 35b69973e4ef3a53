import { replaceValue, valuesCount, type RecordedDelivery } from '@waybill/webhook-sources/testing';
import type { Random } from '../support/random.ts';

/** A delivery to be read, of whatever origin. */
export type Input = Omit<RecordedDelivery, 'name'>;

/** Larger than what the gateway takes, so that its bound is met from both sides. */
const bodyBytesMax = 1_048_576 + 4_096;
const headerLengthMax = 70_000;

type Mutation = (input: Input, corpus: readonly Input[], random: Random) => Input;

const withBody = (input: Input, body: Buffer): Input => ({ ...input, body: body.subarray(0, bodyBytesMax) });

const cut = ({ length }: Buffer, random: Random): readonly [number, number] => {
  const from = random.below(length + 1);
  return [from, Math.min(length, from + random.below(random.pick([2, 16, 256, 65_536])))];
};

/** Bytes that JSON, URLs, names and times are made of. */
const telling = Buffer.from('"\\{}[],:/@%.-+ \n\0\x7f\xff\xc3\xed09azAZeE_sha256:', 'latin1');

const bytes: readonly Mutation[] = [
  (input, _corpus, random) => {
    const body = Buffer.from(input.body);
    for (let edits = 1 + random.below(8); edits > 0 && body.length > 0; edits--)
      body[random.below(body.length)] = random.below(2) === 0 ? random.below(256) : random.pick([...telling]);
    return withBody(input, body);
  },
  (input, _corpus, random) => {
    const [from, to] = cut(input.body, random);
    return withBody(input, Buffer.concat([input.body.subarray(0, from), input.body.subarray(to)]));
  },
  (input, _corpus, random) => {
    const [from, to] = cut(input.body, random);
    // Bodies at the bound take as long as thousands of others.
    const times = random.below(100) === 0 ? 100_000 : random.pick([2, 3, 10, 50]);
    const part = input.body.subarray(from, to);
    const repeated = Buffer.concat(Array(Math.min(times, Math.ceil(bodyBytesMax / (part.length + 1)))).fill(part) as Buffer[]);
    return withBody(input, Buffer.concat([input.body.subarray(0, from), repeated, input.body.subarray(to)]));
  },
  (input, corpus, random) => {
    const other = random.pick(corpus).body;
    const [[from, to], [otherFrom, otherTo]] = [cut(input.body, random), cut(other, random)];
    return withBody(input, Buffer.concat([input.body.subarray(0, from), other.subarray(otherFrom, otherTo), input.body.subarray(to)]));
  },
  (input, _corpus, random) => withBody(input, input.body.subarray(0, random.below(input.body.length + 1))),
];

const hex = 'a'.repeat(64);
/** Values that parsers stumble over: other types, near misses of names, tags, digests, hosts and times, and what is huge. */
const tempting: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 0.5, 1e21, 1e308, Number.MAX_SAFE_INTEGER + 2, 1_722_945_600, 1_722_945_600_000],
  ...['', ' ', '/', '//', ':', '@', '.', '..', '%', '%2F', '%ff', '\0', '\ud800', 'Ü', '__proto__', 'constructor', 'toString'],
  ...['sha256:', `sha256:${hex}`, `sha256:${hex.toUpperCase()}`, `sha256:${hex}a`, `sha512:${hex}${hex}`, `sha256__${hex}`, hex],
  ...['v1', '-v1', 'v'.repeat(128), 'v'.repeat(129), 'latest\n', 'team/app', 'Team/App', 'a//b', '/a', 'a/', `${'a/'.repeat(130)}a`],
  ...['registry.test', 'REGISTRY.test:5000', 'host:', ':5000', '[::1]:5000', 'a@b', 'https://registry.test/v2/a/manifests/v1', 'https://['],
  ...['2024-08-06T12:00:00Z', '2024-08-06T12:00:00.123456789+02:00', '2024-02-30T12:00:00Z', '0001-01-01T00:00:00Z', '2024-08-06', 'now'],
  ...[
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.cncf.helm.config.v1+json',
    '{"config":{"mediaType":"x"}}',
    '{'.repeat(64),
  ],
  ...['x'.repeat(255), 'x'.repeat(256), 'x'.repeat(70_000), '/'.repeat(70_000), 'a:'.repeat(35_000), '[]'.repeat(1_000)],
  ...[[], {}, [[]], [null], ['v1', 'v1'], Array(1_001).fill('v1'), { a: { a: { a: {} } } }],
];

const parsed = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What may become of one value. */
const values: readonly ((value: unknown, other: unknown, random: Random) => unknown)[] = [
  (_value, _other, random) => random.pick(tempting),
  (_value, other, random) => {
    let found: unknown;
    replaceValue(other, random.below(valuesCount(other)), (value) => (found = value));
    return found;
  },
  (value) => [value],
  (value) => ({ value }),
  (value) => String(value),
  (value) => Number(value),
  (value, _other, random) =>
    Array.isArray(value)
      ? Array(random.pick([2, 50, 1_200]))
          .fill(value)
          .flat()
      : value,
  (value, other) => (isRecord(value) && isRecord(other) ? { ...value, ...other } : value),
  (value, _other, random) => (isRecord(value) ? without(value, random) : value),
  (value, _other, random) =>
    isRecord(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [random.below(4) === 0 ? `${key}_` : key, inner]))
      : value,
];

function without(value: Readonly<Record<string, unknown>>, random: Random): unknown {
  const gone = random.pick(Object.keys(value));
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== gone));
}

const structure: Mutation = (input, corpus, random) => {
  let json = parsed(input.body);
  if (json === undefined) return input;
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    const other = parsed(random.pick(corpus).body) ?? null;
    const change = random.pick(values);
    json = replaceValue(json, random.below(valuesCount(json)), (value) => change(value, other, random));
  }
  return withBody(input, Buffer.from(JSON.stringify(json) ?? 'null'));
};

const headers: readonly Mutation[] = [
  (input, corpus, random) => ({ ...input, headers: { ...input.headers, ...random.pick(corpus).headers } }),
  (input, _corpus, random) => {
    const names = Object.keys(input.headers);
    if (names.length === 0) return input;
    const gone = random.pick(names);
    return { ...input, headers: Object.fromEntries(Object.entries(input.headers).filter(([name]) => name !== gone)) };
  },
  (input, corpus, random) => {
    const name = random.pick(Object.keys({ ...random.pick(corpus).headers, 'content-type': '' }));
    const value = String(random.pick(tempting)).slice(0, headerLengthMax);
    return { ...input, headers: { ...input.headers, [name]: value } };
  },
];

const around: readonly Mutation[] = [
  (input, corpus, random) => ({ ...input, kind: random.pick(corpus).kind }),
  (input) => ({ ...input, registryHost: input.registryHost === null ? 'registry.test' : null }),
  (input, corpus, random) => ({ ...input, body: random.pick(corpus).body }),
];

/** One to three changes of one of `corpus`; what JSON says is changed most, for that is what gets furthest. */
export function mutate(input: Input, corpus: readonly Input[], random: Random): Input {
  let changed = input;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const roll = random.below(10);
    const mutation = roll < 5 ? structure : roll < 8 ? random.pick(bytes) : roll < 9 ? random.pick(headers) : random.pick(around);
    changed = mutation(changed, corpus, random);
  }
  return changed;
}
