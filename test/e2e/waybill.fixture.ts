// The whole of Waybill on free ports, with real registries, a real broker, and the ways of a user: crane, the command line, HTTP.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topics, type Event, type EventOf, type RecordType, type Topic } from '@waybill/domain';
import { createCodec, createEventLog } from '@waybill/kafka';
import { createRegistryClient, type RegistryClient } from '@waybill/oci';
import { decodeEvent, type Codec, type EventLog, type LogRecord } from '@waybill/stream';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';
import { startStack, type Stack } from '../../infra/local/stack.ts';
import { ensureGoTool } from '../../infra/local/tools.ts';
import { eventually, readAll } from '../support/read-log.ts';

export type Answer = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };
export type Journey = {
  readonly outcome: { readonly status: string; readonly text: string; readonly final: boolean };
  readonly steps: readonly { readonly kind: string; readonly text: string; readonly audit: unknown }[];
};

export type Waybill = {
  readonly stack: Stack;
  readonly dir: string;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly a: RegistryClient;
  readonly b: RegistryClient;
  /** Runs of the scanner so far: `repository digest pid` each. */
  scans(): readonly string[];
  crane(...args: readonly string[]): Promise<string>;
  /** The command line, as a user would call it. */
  cli(...args: readonly string[]): Promise<Answer>;
  /** Waits until the newest push of an image has come to its end. */
  journey(image: string, timeoutMs?: number): Promise<Journey>;
  records(topic: Topic): Promise<readonly LogRecord[]>;
  events<T extends RecordType>(topic: Topic, type: T): Promise<readonly EventOf<T>[]>;
  stop(): Promise<void>;
};

const scannerPath = join(repositoryRoot, 'test/fixtures/scanners/tiny-scanner.sh');

export async function startWaybill(): Promise<Waybill> {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-e2e-'));
  const scanLog = join(dir, 'scans.log');
  writeFileSync(scanLog, '');
  const cranePath = await ensureGoTool('crane');
  // Harbor and Docker Hub speak here of what lies in registry B, which tells nobody of its pushes itself.
  const configDir = join(dir, 'config');
  cpSync(join(repositoryRoot, 'config'), configDir, { recursive: true });
  const sources = readFileSync(join(configDir, 'sources.yaml'), 'utf8');
  const behindB = sources.replaceAll(/kind: (harbor|dockerhub)\n/g, (kind) => `${kind}    registryHost: \${REGISTRY_B_HOST}\n`);
  writeFileSync(join(configDir, 'sources.yaml'), behindB);
  const stack = await startStack({
    dir,
    env: {
      SCANNER: `sh ${scannerPath} {repository} {digest}`,
      SCANNER_ENV: 'TINY_SCANNER_LOG',
      TINY_SCANNER_LOG: scanLog,
      GROUP_SESSION_TIMEOUT_MS: '6000',
    },
  });
  const log = await createEventLog({ brokers: [stack.brokers], clientId: 'e2e', countBy: topics.images.name });
  const codec = await createCodec({ registryUrl: stack.schemaRegistryUrl });
  const clientOf = (name: string, host: string): RegistryClient => createRegistryClient({ name, host, plainHttp: true });
  const env = {
    WAYBILL_API: stack.apiUrl,
    KAFKA_BROKERS: stack.brokers,
    SCHEMA_REGISTRY_URL: stack.schemaRegistryUrl,
    CONFIG_DIR: stack.configDir,
  };

  const cli = async (...args: readonly string[]): Promise<Answer> => {
    const result = await execa('node', ['apps/cli/src/main.ts', ...args], { cwd: repositoryRoot, env, reject: false, preferLocal: true });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  };
  const records = (topic: Topic): Promise<readonly LogRecord[]> => readAll(log, topic);

  return {
    ...{ stack, dir, log, codec, cli, records },
    a: clientOf('a', stack.registryA),
    b: clientOf('b', stack.registryB),
    scans: () => readFileSync(scanLog, 'utf8').split('\n').filter(Boolean),
    crane: async (...args) => (await execa(cranePath, [...args, '--insecure'])).stdout,
    journey: (image, timeoutMs = 60_000) => journeyOf(stack, image, timeoutMs),
    async events(topic, type) {
      const all: Event[] = await Promise.all((await records(topic)).map((record) => decodeEvent(codec, record)));
      return all.filter((event): event is EventOf<typeof type> => event.type === type);
    },
    async stop() {
      await log.close();
      await stack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function journeyOf(stack: Stack, image: string, timeoutMs: number): Promise<Journey> {
  const url = `${stack.apiUrl}/v1/trace?image=${encodeURIComponent(image)}`;
  const found = await eventually(
    async () => {
      const response = await fetch(url).catch(() => undefined);
      return response?.ok ? ((await response.json()) as { journeys: readonly Journey[] }).journeys[0] : undefined;
    },
    (journey) => journey?.outcome.final === true && journey.steps.every((step) => step.audit !== null),
    timeoutMs,
  );
  assert.ok(found, `no push of ${image} has arrived`);
  return found;
}
