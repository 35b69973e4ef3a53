import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Journey } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { trace } from './trace.ts';

const atMs = Date.UTC(2026, 0, 1, 12);
const step = (kind: string, text: string, afterMs: number, offset: number, change: object = {}) => ({
  ...{
    kind,
    text,
    failed: false,
    atMs: atMs + afterMs,
    sincePreviousMs: afterMs,
    eventId: '0c1f2a3b-0000',
    topic: 'waybill.images.v1',
    partition: 2,
    offset,
  },
  ...{ reused: false, audit: { partition: 2, seq: 7 } },
  ...change,
});
const journey = (change: Partial<Journey> = {}): Journey => ({
  ...{ registry: '127.0.0.1:25001', repository: 'demo/app', tag: '1.0', digest: `sha256:${'a'.repeat(64)}`, correlationId: '5e1f0000-1' },
  ...{ pushedAtMs: atMs, tookMs: 1_500, jobs: [] },
  steps: [step('delivered', 'webhook from distribution', 0, 4), step('copied', 'copied to b', 1_500, 5, { audit: null })],
  outcome: { status: 'copied', final: true, text: 'copied to 127.0.0.1:25002/demo/app:1.0', policyId: 'prod', trace: [] },
  ...change,
});
const apiOf = (...answers: readonly (Journey | CliError)[]) => {
  let asked = 0;
  const get = async (): Promise<unknown> => {
    const answer = answers[Math.min(asked++, answers.length - 1)]!;
    if (answer instanceof CliError) throw answer;
    return { journeys: [answer] };
  };
  return { api: { get } as ApiClient, asked: () => asked };
};
const print = async (given: Journey): Promise<string> => {
  const { console, out } = fakeConsole();
  await trace('demo/app:1.0', { output: 'table', all: false, wide: false, waitMs: 0 }, apiOf(given).api, console);
  return out();
};

describe('waybill trace', () => {
  it('prints head, a line per step, and what came of it', async () =>
    assert.equal(
      await print(journey()),
      [
        '127.0.0.1:25001/demo/app:1.0  sha256:aaaaaaaaaaaa',
        'pushed 2026-01-01 12:00:00 UTC, 1.5 s from the first to the last step, journey 5e1f0000',
        '',
        'TIME           AFTER  STEP       WHAT                       EVENT     RECORD      AUDIT',
        '12:00:00.000   +0 ms  delivered  webhook from distribution  0c1f2a3b  images/2/4  2#7',
        '12:00:01.500  +1.5 s  copied     copied to b                0c1f2a3b  images/2/5  -',
        '',
        '✔ copied to 127.0.0.1:25002/demo/app:1.0',
      ].join('\n'),
    ));

  it('says why an image is held or denied, with each policy that had a say and the work that is due', async () => {
    const said = { policyId: 'prod', matched: true, outcome: 'deny', reason: `critical in sha256:${'b'.repeat(64)}` };
    const text = await print(
      journey({
        outcome: {
          status: 'denied',
          final: true,
          text: 'denied: critical is above high',
          policyId: 'prod',
          trace: [said, { ...said, policyId: 'dev', matched: false }],
        },
        jobs: [{ text: 'replicator: copy due, 2 tries', status: 'due', notBeforeMs: 0 }],
      }),
    );
    assert.match(
      text,
      /✖ denied: critical is above high\n {2}policy prod: deny, critical in sha256:bbbbbbbbbbbb\n {2}replicator: copy due, 2 tries$/,
    );
    assert.doesNotMatch(text, /dev/);
  });

  it('does not obey what a sender wrote', async () => {
    const text = await print(
      journey({ steps: [step('pushed', 'pushed by \u001b]0;owned\u0007', 0, 1)], outcome: { ...journey().outcome, text: '\u001b[2J' } }),
    );
    assert.ok(!text.includes('\u001b'));
  });

  it('waits until nothing more will happen, also where the push is not in the log yet', async () => {
    const unknown = new CliError(1, 'no push', 'next');
    const { api, asked } = apiOf(unknown, journey({ outcome: { ...journey().outcome, status: 'held', final: false } }), journey());
    const { console, out } = fakeConsole();
    assert.equal(await trace('demo/app:1.0', { output: 'json', all: false, wide: false, waitMs: 10_000 }, api, console), 0);
    assert.equal(asked(), 3);
    assert.equal((JSON.parse(out()) as { journeys: Journey[] }).journeys[0]?.outcome.status, 'copied');
  });

  it('prints what it has when the wait is over, and says no where that is nothing', async () => {
    const held = journey({ outcome: { ...journey().outcome, status: 'held', final: false, text: 'held' } });
    assert.match(await print(held), /… held$/);
    const { console } = fakeConsole();
    await assert.rejects(
      trace('x', { output: 'table', all: false, wide: false, waitMs: 0 }, apiOf(new CliError(1, 'no push', 'next')).api, console),
      /no push/,
    );
  });
});

describe('waybill trace in a narrow terminal', () => {
  const long = `allowed: ${'because of many good reasons, '.repeat(4)}→ b/demo/app:1.0`;
  const show = async (width: number, wide = false) => {
    const { console, out, err } = fakeConsole(width);
    const given = journey({ steps: [step('decided', long, 0, 1)] });
    await trace('demo/app:1.0', { output: 'table', all: false, wide, waitMs: 0 }, apiOf(given).api, console);
    const rows = out().split('\n').slice(3, -2);
    return { rows, said: rows.join(' ').replaceAll(/\s+/g, ' '), err: err() };
  };

  it('keeps every word of what happened, and leaves out the places in the log first', async () => {
    const { rows, said, err } = await show(80);
    assert.ok(rows.every((row) => row.length <= 80));
    for (const word of long.split(' ')) assert.ok(said.includes(word), word);
    assert.doesNotMatch(said, /EVENT|RECORD|AUDIT/);
    assert.equal(err, 'Left out to fit: EVENT, RECORD, AUDIT. --wide shows all.');
  });

  it('shows all with --wide, and where there is room', async () => {
    for (const { rows, err } of [await show(80, true), await show(300)]) {
      assert.match(rows[0]!, /EVENT +RECORD +AUDIT$/);
      assert.deepEqual([rows.length, err], [2, '']);
    }
  });
});
