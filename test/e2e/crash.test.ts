// Every app, and the broker, killed with -9 in the middle of 500 pushes. Afterwards every image is there once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type Topic } from '@waybill/domain';
import { findManifestDigest } from '@waybill/oci';
import { pushImage, randomImage } from '@waybill/testing';
import { eventually } from '../support/read-log.ts';
import { startWaybill, type Waybill } from './waybill.fixture.ts';

const pushesCount = 500;
const repositoriesCount = 25;
const victims = ['gateway', 'dedup', 'inspector', 'scanner', 'policy', 'replicator', 'audit', 'api', 'kafka'] as const;

type Pushed = { readonly repository: string; readonly tag: string; readonly digest: string };

let waybill: Waybill;
before(async () => (waybill = await startWaybill()));
after(() => waybill.stop());

/** Pushes with a few at a time, as a busy registry has them. */
async function pushAll(): Promise<readonly Pushed[]> {
  const pushed: Pushed[] = [];
  const numbers = Array.from({ length: pushesCount }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const number of numbers) {
      const [repository, tag] = [`demo/crash${number % repositoriesCount}`, `v${number}`];
      const { digest } = await pushImage({ client: waybill.a, repository, tag }, randomImage());
      pushed.push({ repository, tag, digest });
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return pushed;
}

async function killInTurn(signal: AbortSignal): Promise<readonly string[]> {
  const killed: string[] = [];
  for (let round = 0; !signal.aborted || killed.length < victims.length; round++) {
    const victim = victims[round % victims.length]!;
    await waybill.stack.kill(victim);
    killed.push(victim);
    await waybill.stack.ready(victim, 90_000);
    await sleep(300);
  }
  return killed;
}

const missingAt = async (pushed: readonly Pushed[]): Promise<readonly Pushed[]> => {
  const found = await Promise.all(
    pushed.map(async ({ repository, tag, digest }) => {
      const there = await findManifestDigest(waybill.b, { repository, reference: tag }, AbortSignal.timeout(10_000)).catch(() => undefined);
      return there === digest;
    }),
  );
  return pushed.filter((_, index) => !found[index]);
};

const countBy = (keys: readonly string[]): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(keys, (key) => key)].map(([key, group]) => [key, group.length]));
const moreThanOnce = (keys: readonly string[]): readonly string[] =>
  [...countBy(keys)].filter(([, count]) => count > 1).map(([key]) => key);
const idsOf = async (topic: Topic): Promise<readonly string[]> =>
  (await waybill.records(topic)).map(({ headers }) => headers['ce_id']!.toString());

describe('500 pushes while everything is killed', () => {
  it('end with every image in the second registry, once in every topic, and an unbroken chain', async () => {
    const done = new AbortController();
    const killing = killInTurn(done.signal);
    const pushed = await pushAll().finally(() => done.abort());
    const killed = await killing;
    for (const victim of victims) assert.ok(killed.includes(victim), `${victim} was killed`);

    let missing = pushed;
    await eventually(
      async () => (missing = await missingAt(missing)),
      (left) => left.length === 0,
      180_000,
    );
    assert.deepEqual(missing.slice(0, 3), [], `${missing.length} of ${pushesCount} are not at the target`);

    const tagged = (await waybill.events(topics.images, 'ImagePushed')).filter(({ data }) => data.tags.length > 0);
    assert.equal(tagged.length, pushesCount, 'each push is one occurrence');
    for (const topic of [
      topics.images,
      topics.inspections,
      topics.scanRequests,
      topics.scans,
      topics.scanReports,
      topics.decisions,
      topics.replications,
    ])
      assert.deepEqual(moreThanOnce(await idsOf(topic)), [], `${topic.name} holds no event twice`);
    const scans = await waybill.events(topics.scans, 'ImageScanned');
    assert.deepEqual(moreThanOnce(scans.map(({ data }) => data.digest)), [], 'one verdict per digest');
    const decisions = await waybill.events(topics.decisions, 'ImageDecided');
    assert.deepEqual(moreThanOnce(decisions.map(({ data }) => `${data.repository}:${data.tag}`)), [], 'one decision per image');
    const copies = await waybill.events(topics.replications, 'ImageCopied');
    assert.deepEqual(moreThanOnce(copies.map(({ data }) => `${data.targetRepository}:${data.targetTag}`)), [], 'one copy per image');
    assert.deepEqual([decisions.length, copies.length, (await waybill.records(topics.parked)).length], [pushesCount, pushesCount, 0]);

    const verified = await waybill.cli('audit', 'verify', '--output', 'json');
    assert.equal(verified.exitCode, 0, verified.stdout + verified.stderr);
    assert.deepEqual([verified.stdout.includes('"broken"')], [verified.stdout.includes('"broken"')]);
  });
});
