import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ParkedCommand } from '@waybill/stream';
import type { Aside, ParkedLine } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { type CommandOptions, commandParked } from './parked-command.ts';

const id = 'waybill.images.v1/2/7';
const record: Aside = {
  ...{ kind: 'record', app: 'policy', id, partition: 2, code: 'STAGE_FAILED', reason: 'no tag', attempts: 1, parkedAtMs: 5 },
  ...{ correlationId: 'push-1', behind: 3, line: 'a', canRetry: true },
};
const job: Aside = {
  ...record,
  kind: 'job',
  app: 'replicator',
  id: 'copy/a',
  partition: 4,
  code: 'REGISTRY_DENIED',
  behind: 0,
  line: null,
};
const delivery: Aside = { ...record, app: 'gateway', id: 'waybill.parked.v1/0/1', canRetry: false, behind: 0, line: null };

const drained: ParkedLine = { waiting: 0, stoppedBy: null };

/** What is parked, until a command changes it; two to a page. */
function world(parked: readonly Aside[], settle: (aside: Aside) => Aside | undefined, lines: readonly ParkedLine[] = [drained]) {
  let asked = 0;
  const sent: ParkedCommand[] = [];
  let now = [...parked];
  const api = {
    async get(path: string, query: Readonly<Record<string, string | undefined>>) {
      if (path === '/v1/parked/find') return { parked: now.filter((each) => each.id === query['id']) };
      if (path === '/v1/parked/line') return lines[Math.min(asked++, lines.length - 1)];
      assert.equal(path, '/v1/parked');
      const from = Number(query['cursor'] ?? 0);
      const page = now.slice(from, from + 2).filter(({ app, code }) => app === (query['app'] ?? app) && code === (query['code'] ?? code));
      return { parked: page, nextCursor: from + 2 < now.length ? String(from + 2) : null };
    },
  } as ApiClient;
  const send = async (commands: readonly ParkedCommand[]): Promise<void> => {
    sent.push(...commands);
    const ids = new Set(commands.map((command) => command.id));
    setTimeout(() => (now = now.flatMap((each) => (ids.has(each.id) ? (settle(each) ?? []) : [each]))), 20);
  };
  const said = fakeConsole();
  const run = (options: Partial<CommandOptions> = {}) => {
    const about = { id, all: false, app: undefined, code: undefined, reason: 'mended', requestedBy: 'ann' };
    return commandParked({ output: 'table', wish: 'retry', ...about, waitMs: 5_000, ...options }, api, send, said.console);
  };
  return { run, sent, said, askedCount: () => asked };
}
const isExit = (exitCode: number, message: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === exitCode && message.test(`${error.message} ${error.next}`);

describe('a command for what is parked', () => {
  it('goes to the partition where it waits, with who asks and why, and ends with what came of it', async () => {
    const { run, sent, said } = world([record, job], () => undefined);
    assert.equal(await run(), 0);
    const [{ requestedAtMs: _requestedAtMs, ...command }] = sent as [ParkedCommand];
    const name = { app: 'policy', kind: 'record', id, partition: 2, correlationId: 'push-1' };
    assert.deepEqual(command, { ...name, wish: 'retry', requestedBy: 'ann', reason: 'mended' });
    assert.equal(said.out(), `✔ policy ${id}: done`);
  });

  it('is done only when what waited behind is through, however many transactions that takes', async () => {
    const running = { waiting: 700, stoppedBy: null };
    const { run, said, askedCount } = world([record], () => undefined, [running, { ...running, waiting: 200 }, drained]);
    assert.equal(await run(), 0);
    assert.deepEqual([askedCount(), said.out()], [3, `✔ policy ${id}: done`]);
    const slow = world([record], () => undefined, [running]);
    assert.equal(await slow.run({ waitMs: 300 }), 3);
    assert.match(slow.said.out(), /done, what waited behind it is being run/);
    assert.match(slow.said.err(), /Not done within 0.3 s/);
  });

  it('says no where one behind it is parked in its turn, and which', async () => {
    const next = { ...record, id: 'waybill.images.v1/2/9', reason: 'no tag either' };
    const { run, said } = world([record], () => undefined, [{ waiting: 1, stoppedBy: next }]);
    assert.equal(await run({ wish: 'drop' }), 1);
    assert.match(said.out(), /^✖ .*one behind it is parked now: waybill.images.v1\/2\/9: no tag either/);
  });

  it('says no where it was parked again, and why', async () => {
    const { run, said } = world([record], (each) => ({ ...each, attempts: 2, parkedAtMs: 9, reason: 'still no tag' }));
    assert.equal(await run({ output: 'json' }), 1);
    const { outcomes } = JSON.parse(said.out()) as { outcomes: readonly { outcome: string; reason: string }[] };
    assert.deepEqual(outcomes.map(({ outcome, reason }) => [outcome, reason]), [['parked-again', 'still no tag']]); // prettier-ignore
  });

  it('says that nobody answers, and that the command stays', async () => {
    const { run, said } = world([record], (each) => each);
    assert.equal(await run({ waitMs: 60 }), 3);
    assert.match(said.err(), /does policy run\? The command stays/);
    assert.equal(await run({ waitMs: 0 }), 0);
  });

  it('refuses what is not parked, what two apps have parked, and what no app can run again', async () => {
    const { run, sent } = world([record, { ...record, app: 'inspector' }, delivery], () => undefined);
    await assert.rejects(run({ id: 'x/0/0' }), isExit(1, /is not parked .*parked list/));
    await assert.rejects(run(), isExit(2, /policy and inspector .*--app/));
    await assert.rejects(run({ id: delivery.id }), isExit(1, /cannot be run again .*drop/));
    assert.deepEqual(sent, []);
    assert.equal(await run({ app: 'inspector' }), 0);
    assert.equal(await run({ id: delivery.id, wish: 'drop' }), 0);
  });

  it('takes all of an app or a code, from every page; but not simply everything', async () => {
    const many = [record, delivery, { ...record, id: 'waybill.images.v1/2/8' }, job];
    const { run, sent } = world(many, () => undefined);
    await assert.rejects(run({ id: undefined, all: true }), isExit(2, /--app or --code/));
    assert.equal(await run({ id: undefined, all: true, code: 'STAGE_FAILED' }), 0);
    assert.deepEqual(sent.map((command) => command.id), [record.id, 'waybill.images.v1/2/8']); // prettier-ignore
    assert.equal(await run({ id: undefined, all: true, app: 'dedup' }), 0);
  });
});
