// What is read back of the log, on a real broker: the chain under kill -9, its proof by the CLI, and the API's read model.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditedTopics, type Topic, topics } from '@waybill/domain';
import { encodeEvent, type NewRecord } from '@waybill/stream';
import { genesisHash } from '@waybill/transparency-log';
import { Kafka, logLevel } from 'kafkajs';
import { groups } from '../../apps/api/src/status/groups.ts';
import { portOrFree } from '../../infra/local/ports.ts';
import { eventually, readAll } from '../support/read-log.ts';
import { type Cluster, hasCaughtUp, pushRecord, startCluster } from './stream.fixture.ts';

let cluster: Cluster;
const children = new Set<ChildProcess>();
before(async () => (cluster = await startCluster()));
after(async () => {
  await Promise.all([...children].map((child) => end(child, 'SIGKILL')));
  await cluster.stop();
});

const root = join(import.meta.dirname, '../..');

function run(path: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const { brokers, schemaRegistryUrl } = cluster.stack;
  const settings = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, LOG_LEVEL: 'warn', OPS_PORT: '0', ...env };
  const child = spawn(process.execPath, [join(root, path), ...args], {
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** An app, of which what it writes is not looked at: unread it would fill the pipe, and whoever writes to that waits for ever. */
function runApp(...asked: Parameters<typeof run>): ChildProcess {
  const child = run(...asked);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function waybill(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = run('apps/cli/src/main.ts', args, env);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return { code: child.exitCode, out, err };
}
const text = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
  let all = '';
  for await (const chunk of stream ?? []) all += String(chunk);
  return all;
};

/** Bytes that nobody can decode among those that everybody can: the audit takes both. */
const garbage = (topic: Topic, index: number): NewRecord => ({
  ...{ topic: topic.name, partition: index % cluster.log.partitions, key: index % 3 === 0 ? null : `k${index}` },
  ...{ value: index % 5 === 0 ? null : Buffer.from(`bytes ${index}`), headers: index % 2 === 0 ? {} : { odd: Buffer.alloc(0) } },
});

type Report = {
  readonly ok: boolean;
  readonly partitions: readonly {
    readonly linksCount: number;
    readonly recordsVerified: number;
    readonly recordsExpired: number;
    readonly recordsPending: number;
    readonly fault: { readonly code: string } | null;
  }[];
};
async function verify(): Promise<{ readonly code: number | null; readonly report: Report }> {
  const { code, out, err } = await waybill(['audit', 'verify', '-o', 'json']);
  assert.notEqual(out, '', err);
  return { code, report: JSON.parse(out) as Report };
}
const sum = (report: Report, field: 'linksCount' | 'recordsVerified' | 'recordsExpired'): number =>
  report.partitions.reduce((total, partition) => total + partition[field], 0);

describe('waybill deploy', () => {
  it('publishes the default policies once', async () => {
    const deploy = (...more: readonly string[]) =>
      waybill(['deploy', '--policies', join(root, 'config/policies'), ...more], { CONFIG_DIR: join(root, 'config') });
    const first = await deploy();
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /policies: [1-9]\d* published, 0 retired/);
    assert.match((await deploy()).out, /policies: 0 published, 0 retired/);
    assert.equal((await deploy('--partitions', '7')).code, 1);
  });
});

describe('the audit', () => {
  const perTopic = 60;

  it('has no gap and no link twice when it is killed again and again in the middle', async () => {
    const stateDir = join(cluster.dir, 'audit');
    const start = (): ChildProcess => runApp('apps/audit/src/main.ts', [], { STATE_DIR: stateDir, GROUP_SESSION_TIMEOUT_MS: '3000' });
    let audit = start();
    for (let round = 0; round < 3; round++) {
      const records = auditedTopics.flatMap((topic) => Array.from({ length: perTopic / 3 }, (_, i) => garbage(topic, round * 100 + i)));
      await cluster.appender.append(records);
      await eventually(
        async () => (await readAll(cluster.log, topics.audit)).length,
        (links) => links > round * 200,
      );
      await end(audit, 'SIGKILL');
      audit = start();
    }
    assert.ok(await eventually(() => hasCaughtUp(cluster.log, 'audit', auditedTopics), Boolean), 'the audit catches up');
    await end(audit, 'SIGTERM');

    const { code, report } = await verify();
    assert.deepEqual([code, report.partitions.map(({ fault, recordsPending }) => [fault, recordsPending])], [0, Array(6).fill([null, 0])]);
    const perAuditedTopic = await Promise.all(auditedTopics.map(async (topic) => (await readAll(cluster.log, topic)).length));
    const count = perAuditedTopic.reduce((total, each) => total + each, 0);
    assert.ok(count >= auditedTopics.length * perTopic);
    assert.deepEqual([sum(report, 'linksCount'), sum(report, 'recordsVerified'), sum(report, 'recordsExpired')], [count, count, 0]);
  });

  it('keeps each chain in its own partition', async () => {
    for (const { partition, value } of await readAll(cluster.log, topics.audit)) {
      const { type, data } = await cluster.codec.decode(value!);
      assert.deepEqual([type, (data as { partition: number }).partition], ['AuditEntry', partition]);
    }
  });

  it('does not call broken what retention has removed', async () => {
    const admin = new Kafka({ brokers: [cluster.stack.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.fetchTopicOffsets(topics.deliveries.name); // kafkajs deletes only where it has read the metadata before.
    await admin.deleteTopicRecords({ topic: topics.deliveries.name, partitions: [{ partition: 1, offset: '4' }] });
    await admin.disconnect();
    const { code, report } = await verify();
    assert.deepEqual([code, sum(report, 'recordsExpired')], [0, 4]);
  });

  it('is broken once somebody else adds a link, and verify says where', async () => {
    const place = { topic: topics.audit, partition: 2, key: '2' };
    const link = {
      seq: 0,
      previousHash: genesisHash,
      hash: genesisHash,
      recordHash: genesisHash,
      timestampMs: 0,
      eventId: null,
      eventType: null,
    };
    const data = { ...link, topic: topics.images.name, partition: 2, offset: 0 };
    const meta = { id: 'forged', source: '/test', timeMs: 0, subject: 'x', correlationId: 'forged', causationId: null, traceparent: null };
    await cluster.appender.append([encodeEvent(cluster.codec, place, { type: 'AuditEntry', data, meta })]);
    const { code, report } = await verify();
    assert.deepEqual(
      [code, report.ok, report.partitions.map(({ fault }) => fault?.code ?? null)],
      [1, false, [null, null, 'LINK_OUT_OF_SEQUENCE', null, null, null]],
    );
  });

  it('cannot be verified where nothing is: exit code 3, and what to do', async () => {
    const { code, err } = await waybill(['audit', 'verify', '--brokers', '127.0.0.1:1']);
    assert.equal(code, 3);
    assert.match(err, /npm start/);
  });
});

describe('the api', () => {
  const run1 = 'api';
  const count = 300;
  const readModel = () => join(cluster.dir, 'api-state');

  async function startApi(): Promise<{ child: ChildProcess; url: string; ready: () => Promise<boolean> }> {
    const [httpPort, opsPort] = [await portOrFree(0), await portOrFree(0)];
    const child = runApp('apps/api/src/main.ts', [], { STATE_DIR: readModel(), HTTP_PORT: String(httpPort), OPS_PORT: String(opsPort) });
    const ready = async (): Promise<boolean> => {
      const response = await fetch(`http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined);
      return response?.status === 200;
    };
    return { child, url: `http://127.0.0.1:${httpPort}`, ready };
  }

  it('goes on after kill -9 where it was: every push once, however often it was logged', async () => {
    const first = await startApi();
    const records = Array.from({ length: count }, (_, index) => pushRecord(cluster, run1, index));
    await cluster.appender.append(records);
    await sleep(300);
    await end(first.child, 'SIGKILL');
    await cluster.appender.append(records.slice(0, 100));

    const second = await startApi();
    assert.ok(await eventually(second.ready, Boolean), 'ready once caught up');
    const traceOf = async (index: number) => {
      const response = await fetch(
        `${second.url}/v1/trace?image=${encodeURIComponent(`registry.test/${run1}/app${index % 40}:v${index}`)}`,
      );
      return (await response.json()) as { journeys?: { steps: { kind: string; timesLogged: number; audit: unknown }[] }[] };
    };
    for (const [index, timesLogged] of [
      [0, 2],
      [99, 2],
      [100, 1],
      [count - 1, 1],
    ] as const) {
      const found = await eventually(
        () => traceOf(index),
        ({ journeys }) => journeys?.[0]?.steps[0]?.timesLogged === timesLogged,
        20_000,
      );
      assert.deepEqual(
        found.journeys?.[0]?.steps.map((step) => [step.kind, step.timesLogged]),
        [['pushed', timesLogged]],
        `push ${index}`,
      );
    }
    await statusCounts(second.url);
    await cliSpeaks(second.url);
    await end(second.child, 'SIGTERM');
    assert.equal(second.child.exitCode, 0, 'closes in order');
  });

  /** dedup never ran here: everything in image-events is its lag, and nobody else has any. */
  async function statusCounts(url: string): Promise<void> {
    const { groups: statuses } = (await (await fetch(`${url}/v1/status`)).json()) as { groups: { group: string; lag: number }[] };
    const lagOf = (group: string): number => statuses.find((status) => status.group === group)?.lag ?? -1;
    assert.equal(lagOf('dedup'), count + 100 + 60);
    assert.equal(lagOf('audit'), count + 100);
  }
  async function cliSpeaks(url: string): Promise<void> {
    const env = { WAYBILL_API: url };
    const trace = await waybill(['trace', `${run1}/app0:v0`], env);
    assert.deepEqual([trace.code, trace.err], [0, '']);
    assert.match(trace.out, /^registry\.test\/api\/app0:v0 /);
    assert.match(trace.out, /pushed {2,}pushed as v0, delivered 2 times/);
    assert.match(trace.out, /in the log; dedup has not come to it$/m);
    assert.deepEqual([(await waybill(['trace', 'nobody/knows:1'], env)).code, (await waybill(['trace', '!'], env)).code], [1, 2]);
    for (const args of [['status'], ['images'], ['parked'], ['policy']]) assert.equal((await waybill(args, env)).code, 0, args.join(' '));
    assert.equal((await waybill(['status', '--max-lag', '10'], env)).code, 1);
  }
});

describe('the table of groups', () => {
  it('says what the apps themselves read', async () => {
    const read: Record<string, readonly string[]> = {};
    for (const app of ['dedup', 'inspector', 'scanner', 'policy', 'replicator', 'usage', 'audit']) read[app] = inputsOf(app);
    const declared = Object.fromEntries(
      Object.entries(groups).map(([group, inputs]) => [group, inputs.map(({ name }) => name).toSorted()]),
    );
    assert.deepEqual(declared, read);
  });

  /** From the source: some topologies are functions of what they need, and cannot be made without it. */
  function inputsOf(app: string): readonly string[] {
    const source = readFileSync(join(root, `apps/${app}/src/topology.ts`), 'utf8');
    const [, inputs = ''] = /\binputs: (\[[^\]]*\]|\w+)/.exec(source) ?? [];
    if (inputs === 'auditedTopics') return auditedTopics.map(({ name }) => name).toSorted();
    return [...inputs.matchAll(/topics\.(\w+)/g)].map(([, id]) => topics[id as keyof typeof topics].name).toSorted();
  }
});
