import assert from 'node:assert/strict';
import { parseDelivery, settingsOf, type Parsed, type SourceKind } from '@waybill/webhook-sources';
import { assertSound, recordedDeliveries } from '@waybill/webhook-sources/testing';
import { randomOf } from '../support/random.ts';
import { mutate, type Input } from './mutate.ts';

/** What broke a rule. `execution` counts from 1: the same seed comes to it again. */
export type Finding = { readonly seed: number; readonly execution: number; readonly what: string; readonly input: Input };

export type KindTally = {
  executions: number;
  readonly outcomes: Record<Parsed['outcome'], number>;
  /** Results that differ in more than names and numbers. */
  readonly results: Set<string>;
  slowestMs: number;
  slowestBytes: number;
};

export type FuzzRound = {
  readonly seed: number;
  readonly executions: number;
  readonly findings: readonly Finding[];
  /** The recordings, and every input that gave a kind of result that none had given before in this round. */
  readonly corpus: readonly Input[];
};

/** An input as a line of a file has it. */
export type KeptInput = Omit<Input, 'body'> & { readonly body: string };

/** Inputs that gave a result that none gave before are changed further. Larger ones would take the time of all others. */
const keptBytesMax = 65_536;
const keptMax = 5_000;
const findingsMax = 20;
/** What takes longer is measured again: the first time may have compiled something, or collected garbage. */
const suspectMs = 4;

export type FuzzOptions = {
  readonly seed: number;
  /** Counted up, by kind of sender. */
  readonly tallies: Map<SourceKind, KindTally>;
  readonly isOver: (executions: number) => boolean;
  /** What takes more of the processor's time, in the best of five, is a finding. */
  readonly slowMs: number;
  readonly read?: (input: Input) => Parsed;
};

/** Reads changed recordings and checks each result. The same seed gives the same inputs in the same order. */
export function fuzzRound({ seed, tallies, isOver, slowMs, read = readInput }: FuzzOptions): FuzzRound {
  const random = randomOf(seed);
  const corpus: Input[] = [...recordedDeliveries()];
  const seen = new Set<string>();
  const findings: Finding[] = [];
  let executions = 0;
  while (!isOver(executions) && findings.length < findingsMax) {
    const input = mutate(random.pick(corpus), corpus, random);
    executions += 1;
    const tally = tallies.get(input.kind) ?? newTally();
    tallies.set(input.kind, tally);
    try {
      const result = check(input, { tally, slowMs, read });
      tally.results.add(result);
      if (seen.has(`${input.kind} ${result}`)) continue;
      seen.add(`${input.kind} ${result}`);
      if (input.body.length <= keptBytesMax && corpus.length < keptMax) corpus.push(input);
    } catch (error) {
      findings.push({ seed, execution: executions, what: String(error), input });
    }
  }
  return { seed, executions, findings, corpus };
}

const newTally = (): KindTally => ({
  executions: 0,
  outcomes: { events: 0, ignored: 0, malformed: 0, handshake: 0 },
  results: new Set(),
  slowestMs: 0,
  slowestBytes: 0,
});

type Checking = { readonly tally: KindTally; readonly slowMs: number; readonly read: (input: Input) => Parsed };

/** @returns what kind of result it is @throws AssertionError where it breaks a rule */
function check(input: Input, { tally, slowMs, read }: Checking): string {
  const [parsed, tookMs] = timed(input, read);
  tally.executions += 1;
  tally.outcomes[parsed.outcome] += 1;
  assertSound(parsed);
  if (parsed.outcome === 'events' && input.registryHost !== null)
    for (const { data } of parsed.events) assert.equal(data.registry, input.registryHost);
  if (tally.executions % 64 === 0) assert.deepEqual(read(input), parsed, 'the same delivery has given another result');
  const leastMs = tookMs < suspectMs ? tookMs : Math.min(tookMs, ...[1, 2, 3, 4].map(() => timed(input, read)[1]));
  assert.ok(leastMs < slowMs, `took ${leastMs.toFixed(0)} ms for ${input.body.length} bytes`);
  if (leastMs > tally.slowestMs) [tally.slowestMs, tally.slowestBytes] = [leastMs, input.body.length];
  return resultOf(parsed);
}

export const readInput = ({ kind, headers, body, registryHost }: Input): Parsed =>
  parseDelivery(kind, { headers, body, receivedAtMs: 1_700_000_000_000 }, settingsOf('fuzz', { registryHost }));

/** With the ms of the processor's time that it took: other processes do not count. */
function timed(input: Input, read: Checking['read']): readonly [Parsed, number] {
  const before = process.threadCpuUsage();
  const parsed = read(input);
  const { user, system } = process.threadCpuUsage(before);
  return [parsed, (user + system) / 1_000];
}

function resultOf(parsed: Parsed): string {
  const reasons = [...new Set(parsed.rest.map((part) => part.reason))].sort();
  const events = parsed.outcome === 'events' ? parsed.events : [];
  const shapes = events.map(({ type, data }) => {
    const known = Object.entries(data).map(([, value]) => (value === null || (Array.isArray(value) && value.length === 0) ? 0 : 1));
    return `${type}${known.join('')}`;
  });
  return [parsed.outcome, ...reasons, ...new Set(shapes)].join(' ');
}
