// Goal: policies are published as a whole or not at all, by one at a time, on a real broker; what is planned is what is published.
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { allTopics, digestKey, tagKey, topics, type DecisionState, type TypedRecord } from '@waybill/domain';
import { emptyEvidence } from '@waybill/policy-engine';
import { decodeEvent } from '@waybill/stream';
import { eventually, readAll } from '../support/read-log.ts';
import { pushRecord, startCluster, type Cluster } from './stream.fixture.ts';

const root = join(import.meta.dirname, '../..');
let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(() => cluster.stop());

type Said = { readonly code: number; readonly out: string; readonly err: string };
function waybill(...args: readonly string[]): Promise<Said> {
  const { brokers, schemaRegistryUrl, configDir } = cluster.stack;
  const env = { ...process.env, KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, CONFIG_DIR: configDir };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'apps/cli/src/main.ts'), 'policy', ...args], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

function folderOf(name: string, policies: Readonly<Record<string, number>>): string {
  const folder = join(cluster.dir, name);
  mkdirSync(folder);
  for (const [id, withinHours] of Object.entries(policies)) {
    const scan = `{ withinHours: ${withinHours}, worstSeverity: high }`;
    const spec = `{ match: { repositories: ['${id}/**'] }, require: { scan: ${scan} }, replicate: [{ registry: b }] }`;
    writeFileSync(
      join(folder, `${id}.yaml`),
      `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: ${id} }\nspec: ${spec}\n`,
    );
  }
  return folder;
}

const published = async () =>
  (await Promise.all((await readAll(cluster.log, topics.policies)).map((record) => decodeEvent(cluster.codec, record))))
    .toSorted((a, b) => a.meta.timeMs - b.meta.timeMs)
    .flatMap((event) => (event.type === 'PolicyPublished' || event.type === 'PolicyRetired' ? [event] : []));

/** A tag whose image was scanned two hours ago. */
async function remember(tag: string): Promise<void> {
  const image = { registry: 'a.test', repository: 'app/web' };
  const digest = `sha256:${tag.padStart(64, '0')}`;
  const scan = { digest, outcome: 'scanned', worstSeverity: 'none', reason: null, scannedAtMs: Date.now() - 7_200_000, scanEventId: 's' };
  const evidence = { ...emptyEvidence(image, digest), inspected: true, kind: 'image', platformDigests: [digest], tags: [tag] };
  const row: DecisionState = {
    ...{ ...image, tag, digest, status: 'allowed', awaiting: [], reason: '', policyId: null, policySetVersion: '', targets: [] },
    ...{ pushEventId: 'p', correlationId: 'p', pushedAtMs: 1, decisionEventId: null, changedAtMs: 1 },
    ...{ toldOutcome: '', toldAdmission: '', toldDifference: '', earlierImages: 0, earlierBytes: 0, reviewAtMs: null },
  };
  const put = (topic: string, key: string, record: TypedRecord) => ({
    ...{ topic, key, partition: cluster.appender.partitionOf('a.test/app/web'), value: cluster.codec.encode(record), headers: {} },
  });
  const rest = { findings: [], findingsOmitted: 0 };
  await cluster.appender.append([
    put(topics.decisionState.name, tagKey(image, tag), { type: 'DecisionState', data: row }),
    put(topics.policyEvidence.name, digestKey(image, digest), {
      type: 'ImageEvidence',
      data: { ...evidence, scans: [{ ...rest, ...scan }] },
    }),
  ]);
}

describe('policies in the log', () => {
  it('are what a plan said, and only as long as nobody else has published', async () => {
    await remember('1');
    const first = folderOf('first', { app: 24, other: 24 });
    const planned = await waybill('plan', first);
    assert.equal(planned.code, 0, planned.err);
    assert.match(
      planned.out,
      /2 added, 0 changed, 0 retired, 0 unchanged\n1 image known now, 1 would be decided otherwise: 1 deny -> allow\n/,
    );
    const base = /--base (\w+)/.exec(planned.out)![1]!;
    const applied = await waybill('apply', first, '--base', base, '--reason', 'the first', '--author', 'ann');
    assert.equal(applied.code, 0, applied.err);
    const again = await waybill('apply', folderOf('late', { app: 1 }), '--base', base, '--reason', 'too late');
    assert.equal(again.code, 1);
    assert.match(again.err, /the plan was made against \w+, and the log is at \w+; nothing was published/);
    assert.deepEqual(
      (await published()).map(({ data: { policyId, author, reason, previousSha256 } }) => ({ policyId, author, reason, previousSha256 })),
      ['app', 'other'].map((policyId) => ({ policyId, author: 'ann', reason: 'the first', previousSha256: null })),
    );
    assert.match((await waybill('plan', folderOf('stricter', { app: 1 }))).out, /1 allow -> held/);
  });

  it('are of one of those who publish at the same time from the same plan, as a whole', async () => {
    const countBefore = (await published()).length;
    const folders = [1, 2, 3].map((hours) => folderOf(`race-${hours}`, { app: hours, other: hours }));
    const base = /--base (\w+)/.exec((await waybill('plan', folders[0]!)).out)![1]!;
    const said = await Promise.all(folders.map((folder) => waybill('apply', folder, '--base', base, '--reason', folder)));
    const events = (await published()).slice(countBefore);
    const done = said.filter(({ code }) => code === 0);
    assert.ok(done.length <= 1, 'at most one');
    for (const { code, err } of said) if (code !== 0) assert.match(err, /nothing was published/);
    assert.equal(events.length, 2 * done.length, 'all of it');
    assert.ok(new Set(events.map(({ data }) => data.reason)).size <= 1);
  });

  it('come back by a rollback, with what was before and is after', async () => {
    const reason = 'as it was';
    assert.equal((await waybill('apply', folderOf('worse', { app: 9 }), '--reason', 'worse', '--retire-missing')).code, 0);
    const history = JSON.parse((await waybill('history', '-o', 'json')).out) as { readonly changes: readonly { readonly id: string }[] };
    const back = await waybill('rollback', '--to', history.changes.at(-1)!.id, '--reason', reason);
    assert.equal(back.code, 0, back.err);
    const events = await published();
    const firstOf = (id: string) => events.find(({ data }) => data.policyId === id)!;
    for (const event of events.filter(({ data }) => data.reason === reason)) {
      assert.equal(event.type, 'PolicyPublished');
      const first = firstOf(event.data.policyId);
      assert.ok(event.type === 'PolicyPublished' && first.type === 'PolicyPublished');
      assert.equal(event.data.documentSha256, first.data.documentSha256);
    }
    assert.match((await waybill('history', 'app')).out, /changed by \S+, \w{12} -> \w{12}\n {2}as it was\n/);
  });
});

describe('a sensitive policy', () => {
  const secret = 'hush-customer';
  const keyFile = (): string => join(cluster.dir, 'policy.keys');
  const children: ChildProcess[] = [];
  let logged = '';
  /** Nothing is fast on a machine that does other things too. */
  const patienceMs = 180_000;
  after(() => children.forEach((child) => child.kill('SIGKILL')));

  function start(app: string, env: Readonly<Record<string, string>>): ChildProcess {
    const { brokers, schemaRegistryUrl } = cluster.stack;
    const settings = {
      KAFKA_BROKERS: brokers,
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      LOG_LEVEL: 'trace',
      OPS_PORT: '0',
      HTTP_PORT: '0',
      GROUP_SESSION_TIMEOUT_MS: '6000',
    };
    const child = spawn(process.execPath, [join(root, `apps/${app}/src/main.ts`)], {
      env: { PATH: process.env['PATH'], ...settings, STATE_DIR: join(cluster.dir, 'state', app), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void (logged += chunk.toString()));
    children.push(child);
    return child;
  }

  const decisions = async () =>
    (await Promise.all((await readAll(cluster.log, topics.decisions)).map((record) => decodeEvent(cluster.codec, record)))).flatMap(
      (event) => (event.type === 'ImageDecided' ? [event.data] : []),
    );

  it('decides without a word of what it asks for in log, answers and output; without its key nothing is decided', async () => {
    const folder = join(cluster.dir, 'sensitive');
    mkdirSync(folder);
    const spec = `{ priority: 9, match: { exclude: { repositories: ['${secret}/**'] } }, effect: deny, reason: not for ${secret} }`;
    const document = `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: quiet, sensitive: true }\nspec: ${spec}\n`;
    writeFileSync(join(folder, 'quiet.yaml'), document);
    writeFileSync(keyFile(), `k1 ${Buffer.alloc(32, 7).toString('base64')}\n`);
    const applied = await waybill('apply', folder, '--retire-missing', '--reason', 'quietly', '--key-file', keyFile());
    assert.equal(applied.code, 0, applied.err);

    const blind = start('policy', {});
    await once(blind, 'exit');
    assert.notEqual(blind.exitCode, 0);
    assert.match(logged, /KEY_MISSING/);
    assert.match(logged, /policy quiet is confidential, and it is sealed with key k1, and no key is there/);

    start('policy', { POLICY_KEY_FILE: keyFile() });
    const api = start('api', {});
    await cluster.appender.append([pushRecord(cluster, 'quiet', 1)].map((record) => ({ ...record, topic: topics.images.name })));
    const [decided] = await eventually(decisions, ({ length }) => length > 0, patienceMs);
    assert.deepEqual([decided?.outcome, decided?.policyId, decided?.reason], ['deny', 'quiet', 'by a confidential policy'], logged);

    const url = await eventually(
      async () => /"address":"(http:[^"]+)"/.exec(logged)?.[1] ?? '',
      (found) => found !== '' || api.exitCode !== null,
      patienceMs,
    );
    const read = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
    const listed = await eventually(
      () => read('/v1/policies'),
      (text) => text.includes('quiet'),
      patienceMs,
    );
    const told = await Promise.all([waybill('history'), waybill('history', 'quiet', '-o', 'json')]);
    for (const text of [listed, logged, ...told.flatMap(({ out, err }) => [out, err])]) assert.ok(!text.includes(secret));
    for (const topic of allTopics)
      for (const { key, value, headers } of await readAll(cluster.log, topic))
        for (const bytes of [key, value, ...Object.values(headers)]) assert.ok(!bytes?.includes(secret), topic.name);
    assert.match(listed, /"policyId":"quiet"/);
    assert.match(
      (await waybill('history', 'quiet', '--key-file', keyFile())).out,
      new RegExp(secret),
      'and it is there for whoever has the key',
    );
  });

  it('is tried as a candidate, and what is told of that says no more of it', async () => {
    const folder = join(cluster.dir, 'candidate');
    mkdirSync(folder);
    const spec = `{ priority: 9, match: { exclude: { repositories: ['${secret}/**'] } }, replicate: [{ registry: b }] }`;
    const document = `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: quiet, sensitive: true }\nspec: ${spec}\n`;
    writeFileSync(join(folder, 'quiet.yaml'), document);
    const decidedCount = (await decisions()).length;
    const started = await waybill('shadow', 'start', folder, '--reason', 'to see', '--key-file', keyFile());
    assert.equal(started.code, 0, started.err);
    const differences = await eventually(
      () => readAll(cluster.log, topics.differences),
      // Each partition says when it has been compared, and two say of a tag: the remembered one, and the one that was pushed.
      (found) => found.length >= cluster.log.partitions + 2,
      patienceMs,
    );
    for (const { value, headers } of [...differences, ...(await readAll(cluster.log, topics.policies))])
      for (const bytes of [value, ...Object.values(headers)]) assert.ok(!bytes?.includes(secret));
    const report = await waybill('shadow', 'report');
    assert.match(report.out, /\n2 tags decided otherwise: /, report.err);
    assert.ok(!report.out.includes(secret));
    assert.match((await waybill('shadow', 'stop', '--reason', 'seen')).out, /^next is stopped; 2 tags decided otherwise/);
    assert.equal((await decisions()).length, decidedCount, 'nobody who acts on decisions was told anything');
  });
});
