import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { RedeliverAnswer } from '@waybill/app-kit';
import type { Redelivery } from '@waybill/stream';
import { InvalidArgumentError } from 'commander';
import { fakeConsole } from '../console.fixture.ts';
import { CliError, type ExitCode } from '../exit.ts';
import { parseBound } from '../options.ts';
import { redeliverRange, removeSandbox, sandboxNameOf, showSandboxes, type RedeliverOptions } from './redeliver.ts';

/** Kafka, as far as a command asks whether anything listens. */
const server = createServer((socket) => socket.destroy());
let brokers: readonly string[] = [];
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  brokers = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
});
after(() => server.close());

const isExit = (exitCode: ExitCode, message: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === exitCode && message.test(`${error.message} ${error.next}`);

const redelivery: Redelivery = {
  ...{ app: 'policy', sandbox: 'try-1', group: 'policy--sandbox-try-1', state: 'empty', topics: ['a--sandbox-try-1'] },
  ranges: [{ topic: 'waybill.images.v1', partition: 2, from: 5, to: 1_205 }],
  ...{ inputsCount: 1_200, aheadCount: 0, ignored: {}, parkedCount: 0, waitingCount: 0, parked: [], wouldRun: {} },
  outputs: [{ topic: 'waybill.decisions.v1', type: 'ImageDecided', same: 1_200, changed: 0, additional: 0, missing: 0, work: 0 }],
  differences: [],
};
const otherwise: Redelivery = {
  ...redelivery,
  ...{ parkedCount: 1, waitingCount: 3, parked: [{ place: 'waybill.images.v1/2/9', code: 'STAGE_FAILED', reason: 'no idea' }] },
  ...{ wouldRun: { scan: 4 }, ignored: { 'already seen': 7 }, aheadCount: 2 },
  outputs: [{ ...redelivery.outputs[0]!, same: 1_199, changed: 1 }],
  differences: [
    {
      ...{ verdict: 'changed', topic: 'waybill.decisions.v1', type: 'ImageDecided', id: 'e-1', subject: 'demo/app:1' },
      fields: [{ path: 'outcome', then: '"allowed"', now: '"denied"' }],
    },
  ],
};

async function run(answer: RedeliverAnswer, change: Partial<RedeliverOptions> = {}, runInstead?: () => Promise<RedeliverAnswer>) {
  const said = fakeConsole();
  const asked: string[] = [];
  const options: RedeliverOptions = {
    ...{ output: 'table', app: 'policy', brokers, registryUrl: 'http://127.0.0.1:1', env: {}, entry: undefined, drops: false },
    request: { sandbox: 'try-1', from: { atMs: 0 }, state: 'empty', recordsMax: 9, replication: 1 },
    ...change,
  };
  const runStub = async (entry: string): Promise<RedeliverAnswer> => {
    asked.push(entry);
    return answer;
  };
  return { code: await redeliverRange(options, said.console, runInstead ?? runStub), out: said.out(), asked };
}

describe('waybill redeliver', () => {
  it('says yes where the app says the same, and how to be done with the sandbox', async () => {
    const { code, out, asked } = await run({ redelivery });
    assert.equal(code, 0);
    assert.match(out, /^policy took 1,200 records of 1 ranges in the sandbox try-1, beginning with no rows$/m);
    assert.match(out, /^waybill.decisions.v1 +ImageDecided +1,200 +0 +0 +0 +0$/m);
    assert.match(out, /waybill redeliver drop try-1/);
    assert.match(asked[0]!, /apps\/policy\/src\/main[.]ts$/);
  });

  it('says no where it says otherwise, and shows what: differences, what is parked, what would be run', async () => {
    const { code, out } = await run({ redelivery: otherwise });
    assert.equal(code, 1);
    assert.match(out, /^changed +ImageDecided +demo\/app:1 +e-1 +outcome: "allowed" -> "denied"$/m);
    assert.match(out, /^1 parked, and 3 wait behind them:\nRECORD +CODE +REASON\nwaybill.images.v1\/2\/9 +STAGE_FAILED +no idea$/m);
    assert.match(out, /^would run scan: 4\nnothing for 7: already seen\nthe live app has not come to 2 of the records yet/m);
  });

  it('does not take a range in which there is nothing for a yes', async () =>
    assert.equal((await run({ redelivery: { ...redelivery, inputsCount: 0, outputs: [] } })).code, 1));

  it('prints as JSON what the app says', async () => {
    const { out } = await run({ redelivery }, { output: 'json' });
    assert.deepEqual(JSON.parse(out), { ...redelivery, dropped: false });
  });

  it('passes a refusal on with its code, and tells one that is away apart', async () => {
    const refused = (code: string) => run({ refused: { code, message: 'the range holds up to 12 records' } });
    await assert.rejects(refused('SANDBOX_REFUSED'), isExit(1, /up to 12 records SANDBOX_REFUSED: see docs\/runbooks\/codes.md/));
    await assert.rejects(refused('LOG_UNAVAILABLE'), isExit(3, /up to 12/));
  });

  it('is wrong use for what is no app, no entry or no name, before anything runs', async () => {
    const request = { sandbox: 'Try 1', from: { atMs: 0 }, state: 'empty', recordsMax: 9, replication: 1 } as const;
    for (const app of ['gateway', 'audit', '../dedup'])
      await assert.rejects(run({ redelivery }, { app }), isExit(2, /no app that reads the log There are dedup/));
    await assert.rejects(run({ redelivery }, { entry: '/nowhere/main.ts' }), isExit(2, /there is no \/nowhere\/main.ts/));
    await assert.rejects(run({ redelivery }, { request }), isExit(2, /is no name for a sandbox/));
  });

  it('is wrong use where the app lacks its settings', async () => {
    const failing = async (): Promise<never> =>
      Promise.reject(Object.assign(new Error('set or correct: CONFIG_DIR'), { code: 'CONFIG_INVALID' }));
    await assert.rejects(run({ redelivery }, {}, failing), isExit(2, /set or correct: CONFIG_DIR The app takes its settings/));
  });

  it('cannot reach what does not listen', () =>
    assert.rejects(run({ redelivery }, { brokers: ['127.0.0.1:1'] }), isExit(3, /Kafka does not answer/)));

  it('calls a sandbox by its app and the time', () =>
    assert.equal(sandboxNameOf('dedup', Date.UTC(2026, 10, 21, 15, 4, 5)), 'dedup-20261121-150405'));
});

describe('sandboxes', () => {
  const sandbox = { sandbox: 'try-1', topics: ['a--sandbox-try-1', 'b--sandbox-try-1'], groups: ['dedup--sandbox-try-1'] };

  it('are listed with the app that ran in them', async () => {
    const shown = async (found: readonly (typeof sandbox)[]): Promise<string> => {
      const { console, out } = fakeConsole();
      assert.equal(await showSandboxes({ output: 'table', brokers }, console, async () => found), 0);
      return out();
    };
    assert.match(await shown([sandbox]), /^try-1 +dedup +2$/m);
    assert.match(await shown([{ ...sandbox, groups: [] }]), /^try-1 +- +2$/m);
    assert.equal(await shown([]), 'There are no sandboxes.');
  });

  it('are dropped by name, and one that is not there is said to be so', async () => {
    const drop = (name: string, found: typeof sandbox | undefined) => {
      const said = fakeConsole();
      return removeSandbox({ output: 'table', brokers, sandbox: name }, said.console, async () => found).then(() => said.out());
    };
    assert.equal(await drop('try-1', sandbox), '2 topics and 1 groups of try-1 are deleted');
    await assert.rejects(drop('try-2', undefined), isExit(1, /there is no sandbox try-2/));
    await assert.rejects(drop('waybill.images.v1', sandbox), isExit(2, /is no name for a sandbox/));
  });
});

describe('a point of the log', () => {
  it('is an offset or a time that says its zone', () => {
    assert.deepEqual(parseBound('1200'), { offset: 1_200 });
    const atMs = Date.UTC(2026, 10, 20, 10);
    for (const text of ['2026-11-20T10:00Z', '2026-11-20T10:00:00.000Z', '2026-11-20T12:00+02:00'])
      assert.deepEqual(parseBound(text), { atMs });
    assert.deepEqual(parseBound('2026-11-20'), { atMs: Date.UTC(2026, 10, 20) });
  });
  for (const text of ['', '-1', '2026-11-20T10:00', 'yesterday', '2026-13-01', '1.5', '1e3', '1960-01-01'])
    it(`is not ${JSON.stringify(text)}`, () => assert.throws(() => parseBound(text), InvalidArgumentError));
});
