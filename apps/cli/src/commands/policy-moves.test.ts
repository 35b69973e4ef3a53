import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestKey, tagKey, topics, type DecisionState, type PullsCounted } from '@waybill/domain';
import { emptyEvidence } from '@waybill/policy-engine';
import { jsonCodec, type MemoryLog } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { copy, digestOf, put } from '../policy/catalog.fixture.ts';
import { startLog } from '../policy/policies.fixture.ts';
import { createVault } from '../policy/vault.ts';
import { showMoves, type PolicyMovesOptions } from './policy-moves.ts';

const registry = (name: string, region: string, jurisdiction: string, storedPerGbMonth: number): string =>
  [
    'apiVersion: waybill/v1',
    'kind: Registry',
    `metadata: { name: ${name} }`,
    `spec: { host: ${name}.test, region: ${region}, jurisdiction: ${jurisdiction},`,
    `  cost: { storedPerGbMonth: ${storedPerGbMonth}, movedPerGb: 1 } }`,
  ].join('\n');
const registries = {
  a: registry('a', 'fra', 'EU', 1),
  b: registry('b', 'fra', 'EU', 9),
  c: registry('c', 'dub', 'EU', 2),
  u: registry('u', 'iad', 'US', 1),
};
const policy = (replicate: string): string =>
  `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: p }\nspec: { match: {}, replicate: ${replicate} }\n`;
const oneInEurope = policy('[{ select: { jurisdictions: [EU] }, copies: 2, placement: cheapest }]');

type Remembered = { readonly registry?: string; readonly sizeBytes?: number | null; readonly isInspected?: boolean };

/** A tag of an image of a GB, as `apps/policy` has it. */
function remember(
  memory: MemoryLog,
  letter: string,
  { registry: host = 'a.test', sizeBytes = 1e9, isInspected = true }: Remembered = {},
): void {
  const place = { registry: host, repository: 'demo/app' };
  const digest = digestOf(letter);
  const facts = { inspected: isInspected, kind: 'image', platformDigests: [digest], sizeBytes };
  const row = { ...place, tag: `v${letter}`, digest, status: 'allowed' } as unknown as DecisionState;
  put(memory, topics.decisionState.name, tagKey(place, `v${letter}`), { type: 'DecisionState', data: row });
  const evidence = { ...emptyEvidence(place, digest), ...facts };
  put(memory, topics.policyEvidence.name, digestKey(place, digest), { type: 'ImageEvidence', data: evidence });
}

async function start(files: Readonly<Record<string, string>> = { p: oneInEurope }) {
  const started = startLog();
  await started.apply({ ...registries, ...files });
  return started;
}
type Started = Awaited<ReturnType<typeof start>>;

async function show({ log }: Pick<Started, 'log'>, options: Partial<PolicyMovesOptions> = {}) {
  const said = fakeConsole(100);
  const defaults = { output: 'table', above: 0, paybackMonths: 6, images: 100, limit: 100, vault: createVault(undefined) } as const;
  assert.equal(await showMoves({ ...defaults, ...options }, log, jsonCodec, said.console), 0);
  return { out: said.out(), json: () => JSON.parse(said.out()) as Answer };
}
type Answer = {
  readonly totals: Readonly<Record<string, number>>;
  readonly moves: readonly { readonly image: string; readonly action: string; readonly from: string | null; readonly to: string | null }[];
  readonly leftOut: number;
};
const movesOf = ({ moves }: Answer): readonly string[] =>
  moves.map(({ image, action, from, to }) => `${image.at(-1)} ${action} ${from}>${to}`);

describe('policy moves', () => {
  it('says what would be cheaper where some of several registries are enough, within 100 columns', async () => {
    const started = await start();
    remember(started.memory, 'a');
    copy(started.memory, 'a', { target: 'b.test' });
    const { out } = await show(started);
    const lines = out.split('\n');
    for (const line of lines) assert.ok(line.length <= 100, line);
    assert.match(lines[1]!, /^a\.test\/demo\/app:va +move +b +c +10\.00 -> 3\.00 +7\.00 +1\.00$/);
    assert.equal(lines.at(-1), '1 image known now cost 10.00 in a month; 1 move would save 7.00 of it, and cost 1.00 once.');
    assert.deepEqual(movesOf((await show(started, { output: 'json' })).json()), ['a move b>c']);
  });

  it('takes away nothing that a policy names, nor what was pushed there, and goes nowhere that residency or roles forbid', async () => {
    const named = await start({ p: policy('[{ registry: b }]') });
    remember(named.memory, 'a');
    copy(named.memory, 'a', { target: 'b.test' });
    assert.deepEqual(movesOf((await show(named, { output: 'json' })).json()), []);
    const american = await start({ p: policy('[{ select: { jurisdictions: [US] }, copies: 1 }]') });
    remember(american.memory, 'a', { registry: 'b.test' });
    assert.deepEqual(movesOf((await show(american, { output: 'json' })).json()), []);
    const eu = 'apiVersion: waybill/v1\nkind: Residency\nmetadata: { name: gdpr }\nspec: { match: {}, jurisdictions: [EU] }\n';
    const started = await start({ p: policy('[{ select: { roles: [primary] }, copies: 2 }]'), gdpr: eu });
    remember(started.memory, 'a');
    copy(started.memory, 'a', { target: 'b.test' });
    assert.deepEqual(movesOf((await show(started, { output: 'json' })).json()), ['a move b>c'], 'u would be cheaper');
  });

  it('drops copies that nobody wants, above what they cost', async () => {
    const started = await start();
    for (const letter of ['a', 'b']) {
      remember(started.memory, letter, { sizeBytes: letter === 'a' ? 1e9 : 1e8 });
      for (const target of ['c.test', 'u.test']) copy(started.memory, letter, { target, targetTag: `v${letter}` });
    }
    const all = (await show(started, { output: 'json' })).json();
    assert.deepEqual(movesOf(all), ['a drop u>null', 'b drop u>null']);
    assert.deepEqual(movesOf((await show(started, { output: 'json', above: 1 })).json()), ['a drop u>null']);
    const limited = (await show(started, { output: 'json', limit: 1 })).json();
    assert.deepEqual([limited.moves.length, limited.leftOut, limited.totals['movesCount']], [1, 1, 2]);
  });

  it('brings images to where their repository is pulled, its pulls shared among them', async () => {
    const started = await start({ p: policy('[{ select: { jurisdictions: [EU, US] }, copies: 1 }]') });
    for (const letter of ['a', 'b']) remember(started.memory, letter);
    const pulled = (region: string | null, pulls: number): void => {
      const days = [{ dayStartMs: Math.floor(Date.now() / 86_400_000) * 86_400_000, pulls }];
      const place = { registry: 'a.test', repository: 'demo/app', placeRegistry: `${region}`, placeRepository: 'demo/app' };
      const data: PullsCounted = { ...place, region, days, countedAtMs: 0 };
      put(started.memory, topics.pullCounts.name, 'a.test/demo/app', { type: 'PullsCounted', data });
    };
    pulled('iad', 99);
    pulled('iad', 10); // What is told later replaces what was.
    pulled(null, 1_000);
    const { totals, moves } = (await show(started, { output: 'json' })).json();
    assert.deepEqual(
      moves.map(({ action, to }) => `${action} ${to}`),
      ['add u', 'add u'],
    );
    assert.deepEqual([totals['monthlyCost'], totals['saving']], [2 * (1 + 5), 2 * 4]);
  });

  it('leaves out what cannot be compared, and says how much', async () => {
    const started = await start();
    remember(started.memory, 'a', { sizeBytes: null });
    remember(started.memory, 'b', { isInspected: false });
    remember(started.memory, 'c', { registry: 'elsewhere.test' });
    remember(started.memory, 'd');
    const { out } = await show(started, { images: 3 });
    assert.match(out, /^3 images known now cost 1\.00 in a month; no move makes that cheaper\.$/m);
    assert.match(out, /^Left out: 1 in registries without a document or prices, 1 not allowed now, 1 older ones; --images takes more\.$/m);
    assert.equal((await show(started, { output: 'json' })).json().totals['unsizedCount'], 1);
  });

  it('proposes nothing where a document cannot be read: it may be the one that forbids a place', async () => {
    const started = await start();
    const data = { policyId: 'residency/x', document: 'kind: [', documentSha256: 'x', author: 'a', reason: '', previousSha256: null };
    const meta = { id: 'x', source: '/x', timeMs: Date.now(), subject: 'x', correlationId: 'x', causationId: null, traceparent: null };
    started.append(topics.policies, 'residency/x', { type: 'PolicyPublished', meta, data: { ...data, publishedAtMs: 1 } });
    await assert.rejects(show(started), (error) => error instanceof CliError && error.exitCode === 1);
  });
});
