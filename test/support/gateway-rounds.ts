// Deliveries from many senders while the gateway and its broker are killed, and what must hold afterwards.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type Topic } from '@waybill/domain';
import type { LogRecord } from '@waybill/stream';
import type { Cluster } from '../integration/stream.fixture.ts';
import type { Random } from './random.ts';
import { eventually } from './read-log.ts';

export const gatewayFaults = ['gateway-kill', 'gateway-stop', 'broker-kill', 'broker-freeze', 'both-kill'] as const;
export type GatewayFault = (typeof gatewayFaults)[number];

export type GatewayRound = {
  readonly cluster: Cluster;
  readonly random: Random;
  /** Repositories of this round lie below it. */
  readonly name: string;
  readonly sendersCount: number;
  /** In this order, with pauses that the seed gives. */
  readonly faults: readonly GatewayFault[];
};

export type GatewayVerdict = {
  readonly accepted: number;
  readonly refused: number;
  readonly unanswered: number;
  /** Deliveries in the log once more: a sender's or the gateway's repeats, known by their ids. */
  readonly repeats: number;
  /** How often a gateway had sent all that its spool held. */
  readonly drained: number;
  readonly tookMs: number;
};

const root = join(import.meta.dirname, '../..');
const drainMsMax = 120_000;
/** The supervisor lets what is killed often wait. */
const brokerMsMax = 150_000;
const startMsMax = 90_000;

/** A gateway with a spool of its own, as a process that comes back when it is told to. */
export class GatewayProcess {
  readonly #cluster: Cluster;
  readonly #secret: string;
  #child: ChildProcess | undefined;
  output = '';

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#secret = readFileSync(join(cluster.stack.secretsDir, 'distribution'), 'utf8').trim();
  }

  /** Resolves once it takes deliveries, whether Kafka is there or not. */
  async start(): Promise<void> {
    const { brokers, schemaRegistryUrl, configDir, secretsDir, ports } = this.#cluster.stack;
    const env = {
      ...{ PATH: process.env['PATH'], KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: schemaRegistryUrl, CONFIG_DIR: configDir },
      ...{ SECRETS_DIR: secretsDir, HTTP_PORT: String(ports.gateway), OPS_PORT: String(ports.ops.gateway), APPEND_TIMEOUT_MS: '1000' },
      SPOOL_DIR: join(this.#cluster.dir, 'spool'),
    };
    const child = spawn(process.execPath, [join(root, 'apps/gateway/src/main.ts')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void (this.output += chunk.toString()));
    this.#child = child;
    const ask = async (): Promise<boolean> => (await fetch(`${this.#opsUrl}/readyz`).catch(() => undefined))?.ok ?? false;
    const isUp = await eventually(ask, (ok) => ok || child.exitCode !== null, startMsMax);
    assert.ok(isUp, `the gateway comes up: ${this.output.slice(-2_000)}`);
  }

  /** @returns the exit code, null where it was killed */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const closed = once(child, 'close'); // With it all that it has said is here.
    child.kill(signal);
    return ((await closed) as [number | null])[0];
  }

  post(body: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#secret}` };
    const url = `${this.#cluster.stack.gatewayUrl}/v1/webhooks/distribution`;
    return fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(15_000) });
  }

  /** Deliveries in its spool. */
  async spooledCount(): Promise<number> {
    const text = await (await fetch(`${this.#opsUrl}/metrics`)).text();
    return Number(/^waybill_gateway_spool_deliveries (\d+)/m.exec(text)?.[1] ?? Number.NaN);
  }

  get #opsUrl(): string {
    return this.#cluster.stack.opsUrl('gateway');
  }
}

/**
 * Every sender sends one delivery after the other; what is not answered with 202 it sends again, or gives up. Afterwards each delivery
 * that got 202 is in the log with its event, and of each sender in the order in which they got it.
 * @throws AssertionError naming what is missing or out of order
 */
export async function gatewayRound(round: GatewayRound): Promise<GatewayVerdict> {
  const startedMs = performance.now();
  const { cluster, random, name, sendersCount, faults } = round;
  const from = await endsOf(cluster);
  const gateway = new GatewayProcess(cluster);
  await gateway.start();
  try {
    const over = new AbortController();
    const senders = Array.from({ length: sendersCount }, (_, index) => new Sender(gateway, `${name}/s${index}`, random.next));
    const sending = Promise.all(senders.map((sender) => sender.run(over.signal)));
    for (const fault of faults) {
      await sleep(200 + random.below(800));
      await inflict(fault, { cluster, gateway, random });
    }
    await sleep(500);
    over.abort();
    await sending;
    await cluster.stack.ready('kafka', brokerMsMax);
    const left = await eventually(
      () => gateway.spooledCount(),
      (count) => count === 0,
      drainMsMax,
    );
    assert.equal(left, 0, 'the spool is drained once the broker is back');
    assert.equal(await gateway.end('SIGTERM'), 0, 'it ends in order');
    const drained = gateway.output.split('"the spool is drained"').length - 1;
    return { ...(await judge(cluster, senders, from)), drained, tookMs: performance.now() - startedMs };
  } finally {
    await gateway.end('SIGKILL');
    cluster.stack.release('kafka'); // The next round needs it, whatever became of this one.
  }
}

type Scene = { readonly cluster: Cluster; readonly gateway: GatewayProcess; readonly random: Random };

async function inflict(fault: GatewayFault, { cluster, gateway, random }: Scene): Promise<void> {
  const { stack } = cluster;
  switch (fault) {
    case 'gateway-kill':
      await gateway.end('SIGKILL');
      return gateway.start();
    case 'gateway-stop':
      assert.equal(await gateway.end('SIGTERM'), 0, 'it ends in order');
      return gateway.start();
    case 'broker-kill':
      await stack.hold('kafka');
      await sleep(random.below(3_000));
      return stack.release('kafka'); // It comes up while other things are broken.
    case 'broker-freeze': {
      const pid = stack.states().find((part) => part.name === 'kafka')?.pid;
      if (pid === undefined) return; // It is down at present.
      process.kill(pid, 'SIGSTOP');
      await sleep(1_000 + random.below(2_500));
      process.kill(pid, 'SIGCONT');
      return;
    }
    case 'both-kill':
      await Promise.all([stack.hold('kafka'), gateway.end('SIGKILL')]);
      await gateway.start(); // With nothing but its disk.
      await sleep(random.below(1_500));
      return stack.release('kafka');
  }
}

/** One key of the log: its deliveries are numbered, and number n + 1 is sent when n is done with. */
class Sender {
  readonly repository: string;
  readonly #gateway: GatewayProcess;
  readonly #next: () => number;
  /** Numbers and ids of deliveries that were answered with 202, in that order. */
  readonly accepted: { readonly number: number; readonly deliveryId: string }[] = [];
  refused = 0;
  unanswered = 0;

  constructor(gateway: GatewayProcess, repository: string, next: () => number) {
    this.#gateway = gateway;
    this.repository = repository;
    this.#next = next;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let number = 0; !signal.aborted; number++) {
      const body = pushOf(this.repository, number);
      while (!signal.aborted && !(await this.#isAccepted(number, body))) {
        await sleep(50);
        if (this.#next() < 0.2) break; // Some senders never come again.
      }
    }
  }

  async #isAccepted(number: number, body: string): Promise<boolean> {
    try {
      const response = await this.#gateway.post(body);
      const answer = (await response.json()) as { readonly deliveryId: string };
      if (response.status === 202) this.accepted.push({ number, deliveryId: answer.deliveryId });
      else this.refused++;
      return response.status === 202;
    } catch {
      this.unanswered++;
      return false;
    }
  }
}

const pushOf = (repository: string, number: number): string =>
  JSON.stringify({
    events: [
      {
        ...{ id: `${repository}#${number}`, action: 'push', timestamp: '2024-08-06T12:00:00Z', request: { host: 'registry.test' } },
        target: {
          ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, size: 7 },
          ...{ repository, tag: `v${number}` },
        },
      },
    ],
  });

const topicsRead = [topics.deliveries, topics.imageEvents] as const;
type Ends = ReadonlyMap<string, number>;

async function endsOf({ log }: Cluster): Promise<Ends> {
  const places = topicsRead.flatMap(({ name }) => Array.from({ length: log.partitions }, (_, partition) => ({ topic: name, partition })));
  return new Map(
    await Promise.all(places.map(async (place) => [`${place.topic}/${place.partition}`, (await log.bounds(place)).end] as const)),
  );
}

async function readFrom({ log }: Cluster, from: Ends, { name }: Topic): Promise<readonly LogRecord[]> {
  const all: LogRecord[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: name, partition };
    const { end } = await log.bounds(place);
    await log.read(place, { from: from.get(`${name}/${partition}`)!, to: end }, (records) => void all.push(...records));
  }
  return all;
}

const header = ({ headers }: LogRecord, name: string): string => headers[name]!.toString();

async function judge(cluster: Cluster, senders: readonly Sender[], from: Ends) {
  const deliveries = await readFrom(cluster, from, topics.deliveries);
  const ids = new Set(deliveries.map((record) => header(record, 'ce_id')));
  const accepted = senders.flatMap((sender) => sender.accepted);
  const lost = accepted.filter(({ deliveryId }) => !ids.has(deliveryId));
  assert.deepEqual(lost.slice(0, 3), [], `${lost.length} of ${accepted.length} that were answered with 202 are not in the log`);
  const subjects = Map.groupBy(await readFrom(cluster, from, topics.imageEvents), ({ key }) => key!.toString());
  for (const { repository, accepted } of senders) {
    const events = subjects.get(`registry.test/${repository}`) ?? [];
    const promised = new Set(accepted.map(({ number }) => number));
    const numbers = events.map((record) => Number(header(record, 'ce_subject').split(':v')[1]));
    const firsts = [...new Set(numbers)].filter((number) => promised.has(number));
    assert.deepEqual(firsts, accepted.map(({ number }) => number), `${repository}: each event, in order`); // prettier-ignore
  }
  const sum = (of: (sender: Sender) => number): number => senders.reduce((total, sender) => total + of(sender), 0);
  return {
    accepted: accepted.length,
    refused: sum(({ refused }) => refused),
    unanswered: sum(({ unanswered }) => unanswered),
    repeats: deliveries.length - ids.size,
  };
}
