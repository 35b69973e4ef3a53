import { setTimeout as sleep } from 'node:timers/promises';
import type { Brokers } from './brokers.ts';
import type { Random } from './random.ts';
import { pass, type Rule } from './tcp-proxy.ts';

/** Requests after which a lost answer leaves open what has happened. */
const uncertain = new Set(['Produce', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn', 'InitProducerId']);

export type NetworkFault = {
  readonly name: string;
  readonly durationMs: number;
  /** Decides on each frame of every proxy, and counts what it does. */
  readonly rule: (random: Random, count: () => void) => Rule;
  /** All connections are refused instead. */
  readonly isRefusing?: boolean;
};

const counted = (isHit: boolean, count: () => void): boolean => {
  if (isHit) count();
  return isHit;
};

export const networkFaults: readonly NetworkFault[] = [
  {
    name: 'connections cut at random',
    durationMs: 8_000,
    rule: (random, count) => () => (counted(random.next() < 0.02, count) ? 'cut' : 'pass'),
  },
  {
    name: 'acknowledgements lost',
    durationMs: 10_000,
    rule:
      (random, count) =>
      ({ from, api }) =>
        counted(from === 'client' && uncertain.has(api) && random.next() < 0.15, count) ? 'forward-and-cut' : 'pass',
  },
  {
    name: 'requests lost with their connection',
    durationMs: 8_000,
    rule:
      (random, count) =>
      ({ from, api }) =>
        counted(from === 'client' && uncertain.has(api) && random.next() < 0.15, count) ? 'cut' : 'pass',
  },
  {
    name: 'answers sliced',
    durationMs: 5_000,
    rule:
      (random, count) =>
      ({ from }) =>
        counted(from === 'broker', count) ? { sliceBytes: 1 + random.below(400) } : 'pass',
  },
  {
    name: 'delays of up to 5 s',
    durationMs: 15_000,
    rule: (random, count) => () => (counted(random.next() < 0.03, count) ? { delayMs: random.below(5_000) } : 'pass'),
  },
  {
    name: 'answers that do not come',
    durationMs: 4_000,
    rule:
      (_random, count) =>
      ({ from }) =>
        counted(from === 'broker', count) ? 'drop' : 'pass',
  },
  {
    name: 'a black hole',
    durationMs: 4_000,
    rule: (_random, count) => () => (counted(true, count) ? 'drop' : 'pass'),
  },
  {
    name: 'connections refused',
    durationMs: 3_000,
    isRefusing: true,
    rule: () => pass,
  },
];

/** Puts a fault at all proxies for its time, then heals them. @returns how many frames or connections it has hit */
export async function inflict({ all }: Brokers, fault: NetworkFault, random: Random): Promise<number> {
  let hits = 0;
  const count = (): void => void (hits += 1);
  for (const { proxy } of all) {
    proxy.rule = fault.rule(random, count);
    proxy.isRefusing = fault.isRefusing ?? false;
    if (proxy.isRefusing) hits += proxy.cutAll();
  }
  await sleep(fault.durationMs);
  for (const { proxy } of all) {
    proxy.rule = pass;
    proxy.isRefusing = false;
  }
  return hits;
}
