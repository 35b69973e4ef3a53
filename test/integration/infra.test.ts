import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRegistryClient, findManifestDigest } from '@waybill/oci';
import { pushImage, randomImage } from '@waybill/testing';
import { Kafka, logLevel } from 'kafkajs';
import { startKafka } from '../../infra/local/kafka.ts';
import { startOciRegistry } from '../../infra/local/oci-registry.ts';
import { startSchemaRegistry } from '../../infra/local/schema-registry.ts';
import { startStack } from '../../infra/local/stack.ts';

// Goal: the real parts start, keep what they acknowledged through kill -9, and leave no process behind. What a single broker
// acknowledged lies in the machine's page cache: it survives the death of the process, not of the machine.
const dir = mkdtempSync(join(tmpdir(), 'waybill-infra-'));
after(() => rmSync(dir, { recursive: true, force: true }));

/** Whatever runs with our directory on its command line, as all parts do. */
const leftovers = (): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return ''; // Ended in between.
      }
    })
    .filter((command) => command.includes(dir));

const clientOf = (brokers: string): Kafka => new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 10 } });

async function append(brokers: string, topic: string, values: readonly string[]): Promise<void> {
  const producer = clientOf(brokers).producer();
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

/** A broker that has just come back may not lead its partitions yet, and says so. */
async function countRecords(brokers: string, topic: string): Promise<number> {
  const admin = clientOf(brokers).admin();
  await admin.connect();
  try {
    for (const deadlineMs = performance.now() + 30_000; ; await sleep(200)) {
      try {
        const offsets = await admin.fetchTopicOffsets(topic);
        return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
      } catch (error) {
        if ((error as { readonly retriable?: boolean }).retriable !== true || performance.now() > deadlineMs) throw error;
      }
    }
  } finally {
    await admin.disconnect();
  }
}

async function createTopic(brokers: string, topic: string): Promise<void> {
  const admin = clientOf(brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  await admin.disconnect();
}

const subjects = async (url: string): Promise<unknown> => (await fetch(`${url}/subjects`)).json();

describe('Kafka and the schema registry', () => {
  it('keep what they acknowledged through kill -9, on the same data and addresses', async () => {
    const kafkaOptions = { dataDir: join(dir, 'kafka'), logPath: join(dir, 'kafka.log') };
    const registryOptions = { dataDir: join(dir, 'schemas'), port: 0, logPath: join(dir, 'schemas.log') };
    const kafka = await startKafka({ ...kafkaOptions, port: 0 });
    const { brokers, port } = kafka;
    const schemas = await startSchemaRegistry({ ...registryOptions, brokers });
    await createTopic(brokers, 'kept');
    await append(brokers, 'kept', ['a', 'b', 'c']);
    const body = JSON.stringify({ schema: JSON.stringify({ type: 'string' }) });
    const registered = await fetch(`${schemas.url}/subjects/kept-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body,
    });
    assert.equal(registered.status, 200);

    await assert.rejects(startKafka({ ...kafkaOptions, port: 0 }), { code: 'DATA_IN_USE' });
    await kafka.kill();
    await schemas.kill();
    const again = await startKafka({ ...kafkaOptions, port });
    assert.equal(again.brokers, brokers);
    assert.equal(await countRecords(brokers, 'kept'), 3);
    await append(brokers, 'kept', ['d']);
    assert.equal(await countRecords(brokers, 'kept'), 4);
    const schemasAgain = await startSchemaRegistry({ ...registryOptions, brokers });
    assert.deepEqual(await subjects(schemasAgain.url), ['kept-value']);

    await schemasAgain.stop();
    await again.stop();
    assert.deepEqual(leftovers(), []);
  });

  it('say why they do not come up, with the end of their log', async () => {
    const options = {
      dataDir: join(dir, 'lonely'),
      brokers: '127.0.0.1:1',
      port: 0,
      logPath: join(dir, 'lonely.log'),
      readyTimeoutMs: 4_000,
    };
    await assert.rejects(startSchemaRegistry(options), {
      code: 'NOT_READY',
      message: /schema-registry (did not answer|ended)(.|\n)*lonely\.log:\n.+/,
    });
    assert.deepEqual(leftovers(), []);
  });
});

describe('an OCI registry', () => {
  it('tells of a push with the header it was given, and again until it is accepted', async () => {
    const heard: { readonly authorization: string | undefined; readonly body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        heard.push({ authorization: request.headers.authorization, body });
        response.writeHead(heard.length === 1 ? 503 : 202).end();
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/webhooks/distribution`;
    const options = { dataDir: join(dir, 'oci'), notifications: { url, headers: { Authorization: 'Bearer of news' } } };
    let registry = await startOciRegistry({ ...options, port: 0 });
    try {
      const client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true });
      const { digest } = await pushImage({ client, repository: 'team/app', tag: '1' }, randomImage());
      const told = () => heard.filter(({ body }) => body.includes('"tag": "1"'));
      for (let tries = 0; tries < 200 && told().length < 2; tries++) await sleep(50);

      assert.equal(told().length, 2, 'refused once, accepted the second time');
      assert.deepEqual(new Set(heard.map(({ authorization }) => authorization)), new Set(['Bearer of news']));
      assert.match(told().at(-1)?.body ?? '', new RegExp(digest));
      await registry.kill();
      registry = await startOciRegistry({ ...options, port: Number(registry.host.split(':')[1]) });
      const found = await findManifestDigest(client, { repository: 'team/app', reference: '1' }, AbortSignal.timeout(5_000));
      assert.equal(found, digest);
    } finally {
      await registry.stop();
      server.close();
    }
    assert.deepEqual(leftovers(), []);
  });
});

describe('the stack of tests', () => {
  it('brings the broker back on its address, and stops without a trace', async () => {
    const stack = await startStack({ dir: join(dir, 'stack'), apps: false });
    try {
      await createTopic(stack.brokers, 'kept');
      await append(stack.brokers, 'kept', ['a']);
      await stack.restartBroker();
      assert.equal(await countRecords(stack.brokers, 'kept'), 1);
      assert.equal(stack.states().find(({ name }) => name === 'kafka')?.restarts, 1);
      assert.match(stack.logs('kafka'), /Kafka Server started/);
    } finally {
      await stack.stop();
    }
    assert.deepEqual(leftovers(), []);
  });
});
