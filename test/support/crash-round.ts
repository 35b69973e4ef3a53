// A run of pushes during which parts are killed with -9, and what must hold afterwards.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type Topic } from '@waybill/domain';
import { findManifestDigest } from '@waybill/oci';
import { pushImage, randomImage } from '@waybill/testing';
import type { StackPart } from '../../infra/local/stack.ts';
import type { Waybill } from '../e2e/waybill.fixture.ts';
import { eventually } from './read-log.ts';

export const victims = [
  'gateway',
  'dedup',
  'inspector',
  'scanner',
  'policy',
  'replicator',
  'audit',
  'api',
  'kafka',
] as const satisfies StackPart[];
export type Victim = (typeof victims)[number];

export type CrashRound = {
  readonly waybill: Waybill;
  /** Repositories of this round lie below `demo/<name>`. */
  readonly name: string;
  readonly pushesCount: number;
  /** Killed in turn for as long as there are pushes, each at least once. */
  readonly victims: readonly Victim[];
};
export type RoundReport = { readonly killed: number; readonly tookMs: number };
type Pushed = { readonly repository: string; readonly tag: string; readonly digest: string };

const repositoriesCount = 25;

/**
 * Afterwards every image is at the target, once in every topic, decided and copied once, and the audit's chain is whole.
 * @throws AssertionError naming what is missing or there twice
 */
export async function crashRound(round: CrashRound): Promise<RoundReport> {
  const startedMs = performance.now();
  const done = new AbortController();
  const killing = killInTurn(round, done.signal);
  const pushed = await pushAll(round).finally(() => done.abort());
  const killed = await killing;
  for (const victim of round.victims) assert.ok(killed.includes(victim), `${victim} was killed`);
  await assertAllArrived(round, pushed);
  await assertOnce(round);
  const verified = await round.waybill.cli('audit', 'verify', '--output', 'json');
  assert.equal(verified.exitCode, 0, verified.stdout + verified.stderr);
  return { killed: killed.length, tookMs: performance.now() - startedMs };
}

/** Pushes with a few at a time, as a busy registry has them. */
async function pushAll({ waybill, name, pushesCount }: CrashRound): Promise<readonly Pushed[]> {
  const pushed: Pushed[] = [];
  const numbers = Array.from({ length: pushesCount }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const number of numbers) {
      const [repository, tag] = [`demo/${name}/app${number % repositoriesCount}`, `v${number}`];
      const { digest } = await pushImage({ client: waybill.a, repository, tag }, randomImage());
      pushed.push({ repository, tag, digest });
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return pushed;
}

async function killInTurn({ waybill, victims }: CrashRound, signal: AbortSignal): Promise<readonly Victim[]> {
  const killed: Victim[] = [];
  for (let round = 0; !signal.aborted || killed.length < victims.length; round++) {
    const victim = victims[round % victims.length]!;
    await waybill.stack.kill(victim);
    killed.push(victim);
    await waybill.stack.ready(victim, 90_000);
    await sleep(300);
  }
  return killed;
}

async function assertAllArrived({ waybill, pushesCount }: CrashRound, pushed: readonly Pushed[]): Promise<void> {
  const isThere = async ({ repository, tag, digest }: Pushed): Promise<boolean> => {
    const signal = AbortSignal.timeout(10_000);
    return (await findManifestDigest(waybill.b, { repository, reference: tag }, signal).catch(() => undefined)) === digest;
  };
  let missing = pushed;
  const look = async (): Promise<readonly Pushed[]> => {
    const found = await Promise.all(missing.map(isThere));
    return (missing = missing.filter((_, index) => !found[index]));
  };
  await eventually(look, (left) => left.length === 0, 180_000);
  assert.deepEqual(missing.slice(0, 3), [], `${missing.length} of ${pushesCount} are not at the target`);
}

async function assertOnce({ waybill, name, pushesCount }: CrashRound): Promise<void> {
  const isMine = ({ repository }: { readonly repository: string }): boolean => repository.startsWith(`demo/${name}/`);
  const tagged = (await waybill.events(topics.images, 'ImagePushed')).filter(({ data }) => isMine(data) && data.tags.length > 0);
  assert.equal(tagged.length, pushesCount, 'each push is one occurrence');
  const { images, inspections, scanRequests, scans, scanReports, decisions, replications } = topics;
  for (const topic of [images, inspections, scanRequests, scans, scanReports, decisions, replications])
    assert.deepEqual(moreThanOnce(await idsOf(waybill, topic)), [], `${topic.name} holds no event twice`);
  const verdicts = await waybill.events(scans, 'ImageScanned');
  assert.deepEqual(moreThanOnce(verdicts.map(({ data }) => data.digest)), [], 'one verdict per digest');
  const decided = (await waybill.events(decisions, 'ImageDecided')).filter(({ data }) => isMine(data));
  assert.deepEqual(moreThanOnce(decided.map(({ data }) => `${data.repository}:${data.tag}`)), [], 'one decision per image');
  const copied = (await waybill.events(replications, 'ImageCopied')).filter(({ data }) => isMine(data));
  assert.deepEqual(moreThanOnce(copied.map(({ data }) => `${data.targetRepository}:${data.targetTag}`)), [], 'one copy per image');
  assert.deepEqual([decided.length, copied.length, (await waybill.records(topics.parked)).length], [pushesCount, pushesCount, 0]);
}

const countBy = (keys: readonly string[]): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(keys, (key) => key)].map(([key, group]) => [key, group.length]));
const moreThanOnce = (keys: readonly string[]): readonly string[] =>
  [...countBy(keys)].filter(([, count]) => count > 1).map(([key]) => key);
const idsOf = async (waybill: Waybill, topic: Topic): Promise<readonly string[]> =>
  (await waybill.records(topic)).map(({ headers }) => headers['ce_id']!.toString());
