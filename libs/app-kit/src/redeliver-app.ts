import { createCodec, createEventLog, createTopics, listSandboxes } from '@waybill/kafka';
import {
  findRanges,
  parseSandbox,
  redeliver,
  refuseLarge,
  sandboxTopics,
  StreamError,
  systemClock,
  type Redelivery,
  type Topology,
} from '@waybill/stream';
import { Type, type Static } from 'typebox';
import { checkAll } from '@waybill/config';
import { createLogger } from './logger.ts';
import { storesOf } from './open-store.ts';
import type { StreamConfig } from './stream-config.ts';

const Bound = Type.Union([Type.Object({ offset: Type.Integer({ minimum: 0 }) }), Type.Object({ atMs: Type.Integer({ minimum: 0 }) })]);

/** What an app is asked for with `--redeliver`: to run over a range of its inputs in a sandbox, instead of what it does else. */
export const RedeliverRequest = Type.Object({
  sandbox: Type.String({ minLength: 1, maxLength: 40 }),
  from: Bound,
  to: Type.Optional(Bound),
  partitions: Type.Optional(Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, maxItems: 10_000 })),
  /** Name of the one topic to read; all of the app's unless given. */
  input: Type.Optional(Type.String()),
  match: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
  state: Type.Union([Type.Literal('empty'), Type.Literal('now')]),
  recordsMax: Type.Integer({ minimum: 1 }),
  replication: Type.Integer({ minimum: 1, maximum: 10 }),
});
export type RedeliverRequest = Static<typeof RedeliverRequest>;

/** The one line that a run says on standard output. */
export type RedeliverAnswer =
  { readonly redelivery: Redelivery } | { readonly refused: { readonly code: string; readonly message: string } };

const flag = '--redeliver';

/** As an argument and not a variable: a variable that stays behind would make a sandbox of an app that should be live. */
export const redeliverArguments = (request: RedeliverRequest): readonly string[] => [flag, JSON.stringify(request)];

/** @throws Error for a request that is none: an app that was asked for a sandbox must not run live */
export function findRedeliverRequest(argv: readonly string[]): RedeliverRequest | undefined {
  const at = argv.indexOf(flag);
  if (at < 0) return undefined;
  const checked = checkAll(RedeliverRequest, JSON.parse(argv[at + 1] ?? 'null'));
  if (checked.ok) return checked.value;
  throw new Error(`${flag}: ${checked.faults.map(({ path, message }) => `${path.join('.')} ${message}`).join(', ')}`);
}

type RedeliverAppOptions = { readonly app: string; readonly topology: Topology; readonly config: StreamConfig };

/** Creates the sandbox, runs in it, says what came of it, and ends the process (or the thread). */
export async function redeliverApp(options: RedeliverAppOptions, request: RedeliverRequest): Promise<never> {
  const answer = await runInSandbox(options, request).then(
    (redelivery): RedeliverAnswer => ({ redelivery }),
    (error: unknown): RedeliverAnswer => {
      if (!isOfTheLog(error)) throw error;
      const { message } = error;
      return { refused: { code: error instanceof StreamError ? error.code : 'LOG_UNAVAILABLE', message } };
    },
  );
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, () => resolve()));
  process.exit('refused' in answer ? 1 : 0); // An app may have made clients that would keep it alive.
}

const isOfTheLog = (error: unknown): error is Error =>
  error instanceof StreamError || (error instanceof Error && error.name.startsWith('KafkaJS'));

async function runInSandbox({ app, topology, config }: RedeliverAppOptions, request: RedeliverRequest): Promise<Redelivery> {
  const { match, state, recordsMax, replication } = request;
  const sandbox = parseSandbox(request.sandbox);
  const inputs = inputsWanted(topology, request);
  const brokers = config.KAFKA_BROKERS.split(',');
  const log = await createEventLog({
    ...{ brokers, clientId: `waybill-sandbox-${topology.group}`, countBy: inputs[0]! },
    transactionTimeoutMs: config.TRANSACTION_TIMEOUT_MS,
  });
  try {
    const ranges = await findRanges(log, inputs, request);
    refuseLarge(ranges, recordsMax);
    if ((await listSandboxes(brokers)).some((known) => known.sandbox === sandbox))
      throw new StreamError('SANDBOX_REFUSED', `the sandbox ${sandbox} is there already: drop it, or take another name`);
    await createTopics({ brokers, partitions: log.partitions, replication, onProgress: () => undefined }, sandboxTopics(topology, sandbox));
    const codec = await createCodec({ registryUrl: config.SCHEMA_REGISTRY_URL });
    const logger = createLogger({ app, level: config.LOG_LEVEL, destination: process.stderr }); // Standard output is for the answer.
    const openStore = storesOf(config, logger);
    return await redeliver({ topology, sandbox, log, codec, openStore, clock: systemClock, ranges, match, state });
  } finally {
    await log.close();
  }
}

/** @throws StreamError `SANDBOX_REFUSED` for a topic that the app does not read, and for offsets that would be of several topics */
function inputsWanted({ group, inputs }: Topology, { input, from, to }: RedeliverRequest): readonly string[] {
  const names = inputs.map(({ name }) => name);
  const all = names.join(', ');
  if (input !== undefined && !names.includes(input)) throw new StreamError('SANDBOX_REFUSED', `${group} reads ${all}, and not ${input}`);
  const wanted = input === undefined ? names : [input];
  const hasOffset = 'offset' in from || (to !== undefined && 'offset' in to);
  if (hasOffset && wanted.length > 1)
    throw new StreamError('SANDBOX_REFUSED', `offsets are those of one topic: say which with --input, of ${all}`);
  return wanted;
}
