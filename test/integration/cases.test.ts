// The cases that the requirements want handled, by their names: what users see of each, over inspector, policy and replicator.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { checkPolicies } from '../../apps/cli/src/policy/findings.ts';
import { startStand, type Stand } from './cases.fixture.ts';

const documentOf = (kind: string, name: string, spec: string): string =>
  `{ apiVersion: waybill/v1, kind: ${kind}, metadata: { name: ${name} }, spec: { ${spec} } }`;
const policyOf = (name: string, spec: string): string =>
  documentOf('ReplicationPolicy', name, `match: { repositories: ['team/**'] }, ${spec}`);
const toB = { mirror: policyOf('mirror', 'replicate: [{ registry: b }]') };
const toBAndC = { mirror: policyOf('mirror', 'replicate: [{ registry: b }, { registry: c }]') };

let stand: Stand;
beforeEach(async () => (stand = await startStand()));
afterEach(() => stand.close());

describe('a rate limit (429)', () => {
  const tooMany = { path: /^\/v2\//, kind: 'answer', status: 429, headers: { 'retry-after': '0' } } as const;

  it('that passes costs nothing but time', async () => {
    stand.publish(toB);
    stand.b.fail({ ...tooMany, times: 3 });
    const digest = await stand.push();
    await stand.settle();
    assert.equal(await stand.digestAt('b'), digest);
  });

  it('that does not pass is told as what it is, and the image is copied by the next decision on it', async () => {
    stand.publish(toB);
    stand.b.fail({ ...tooMany, times: Infinity });
    await stand.push();
    await stand.settle();
    const [failed] = stand.events('ImageCopyFailed');
    assert.deepEqual([failed?.code, failed?.attempts], ['REGISTRY_RATE_LIMITED', 2]);
    stand.b.heal();
    const digest = await stand.push();
    await stand.settle();
    assert.equal(await stand.digestAt('b'), digest);
  });
});

describe('a quota', () => {
  const quota = (imagesMax: number): string =>
    documentOf('Tenant', 'team', `repositories: ['team/**'], quota: { imagesMax: ${imagesMax} }`);

  it('lets go what fits, and denies what does not, with what to do', async () => {
    stand.publish({ ...toB, 'tenant/team': quota(1) });
    const first = await stand.push('v1');
    await stand.settle();
    await stand.count();
    await stand.push('v2');
    await stand.settle();
    assert.deepEqual([await stand.digestAt('b', 'v1'), await stand.digestAt('b', 'v2')], [first, undefined]);
    const { code, reason } = stand.events('ImageDecided').at(-1)!;
    assert.equal(code, 'QUOTA_EXCEEDED');
    assert.match(reason, /waybill policy cleanup team/);
  });

  it('that is raised lets go what it denied', async () => {
    stand.publish({ ...toB, 'tenant/team': quota(1) });
    await stand.push('v1');
    await stand.settle();
    await stand.count();
    const second = await stand.push('v2');
    await stand.settle();
    stand.publish({ ...toB, 'tenant/team': quota(2) });
    for (const { id, kind } of stand.policy.timers()) if (kind.startsWith('sweep')) stand.policy.fire(id);
    await stand.decide();
    await stand.settle();
    assert.equal(await stand.digestAt('b', 'v2'), second);
  });
});

describe('a time-out', () => {
  it('of a registry that says nothing is told, and leaves no tag behind', async () => {
    stand.publish(toB);
    stand.b.fail({ path: /^\/v2\//, kind: 'hang', times: Infinity });
    await stand.push();
    await stand.settle();
    assert.deepEqual(
      stand.events('ImageCopyFailed').map(({ code, attempts }) => ({ code, attempts })),
      [{ code: 'REGISTRY_TIMEOUT', attempts: 2 }],
    );
    stand.b.heal();
    assert.equal(await stand.digestAt('b'), undefined);
  });

  it('while an image is inspected holds it back: what is not known is copied nowhere', async () => {
    stand.publish({ mirror: policyOf('mirror', "require: { labels: { team: '*' } }, replicate: [{ registry: b }]") });
    stand.a.fail({ path: /manifests/, method: 'GET', kind: 'hang', times: Infinity });
    await stand.push();
    await stand.settle();
    assert.deepEqual([stand.events('ImageInspectionFailed').length, stand.events('ImageCopied').length], [1, 0]);
    stand.a.heal();
    assert.equal(await stand.digestAt('b'), undefined);
  });
});

describe('a partial failure', () => {
  it('of one target leaves the other its copy, and the next push has both', async () => {
    stand.publish(toBAndC);
    stand.c.fail({ path: /^\/v2\//, kind: 'answer', status: 503, times: Infinity });
    const first = await stand.push();
    await stand.settle();
    assert.deepEqual([await stand.digestAt('b'), stand.events('ImageCopyFailed').length], [first, 1]);
    stand.c.heal();
    assert.equal(await stand.digestAt('c'), undefined);
    const second = await stand.push();
    await stand.settle();
    assert.deepEqual([await stand.digestAt('b'), await stand.digestAt('c')], [second, second]);
  });

  it('of one blob leaves no tag that lacks it', async () => {
    stand.publish(toB);
    stand.b.fail({ method: 'PUT', path: /blobs\/uploads/, kind: 'answer', status: 500, times: Infinity });
    await stand.push();
    await stand.settle();
    assert.deepEqual([stand.events('ImageCopied').length, stand.events('ImageCopyFailed').length], [0, 1]);
    stand.b.heal();
    assert.equal(await stand.digestAt('b'), undefined);
  });
});

describe('invalid syntax', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-cases-'));
  before(() => writeFileSync(join(folder, 'broken.yaml'), `${toB.mirror}\n---\nspec: { match: [\n`));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is refused before anything is published, with line and column', async () => {
    const { remarks } = await checkPolicies({ folder, registriesPath: undefined, env: {} });
    const wrong = remarks.filter(({ severity }) => severity === 'error');
    assert.ok(wrong.length > 0);
    assert.ok(
      wrong.every(({ line, column }) => line >= 2 && column >= 1),
      JSON.stringify(wrong),
    );
  });

  it('that is in the log all the same stops no other policy, and every trace says so', async () => {
    stand.publish({ ...toB, broken: 'spec: { match: [' });
    const digest = await stand.push();
    await stand.settle();
    assert.equal(await stand.digestAt('b'), digest);
    const [decided] = stand.events('ImageDecided');
    assert.match(decided!.trace.find(({ policyId }) => policyId === 'broken')!.reason, /is not valid/);
  });
});

describe('an unknown registry', () => {
  const unknown = { mirror: policyOf('mirror', 'replicate: [{ registry: nowhere }, { registry: b }]') };

  it('is told with what to do, and the others get their copies', async () => {
    stand.publish(unknown);
    const digest = await stand.push();
    await stand.settle();
    const [failed] = stand.events('ImageCopyFailed');
    assert.deepEqual([failed?.code, failed?.targetRegistry, failed?.attempts], ['REGISTRY_NOT_CONFIGURED', 'nowhere', 1]);
    assert.equal(await stand.digestAt('b'), digest);
  });
});

describe('an update during a replication', () => {
  it('of the tag leaves the newer image at the target, whichever copy ends last', async () => {
    stand.publish(toB);
    await stand.push();
    await stand.decide();
    let newer = '';
    await stand.copyWhile(async () => {
      newer = await stand.push();
      await stand.decide();
    });
    await stand.settle();
    assert.equal(await stand.digestAt('b'), newer);
    assert.deepEqual(
      stand.events('ImageCopied').map(({ digest }) => digest),
      [newer],
    );
  });

  it('of the policies that makes it more urgent lets the copy go on, and makes no second one', async () => {
    stand.publish(toB);
    const digest = await stand.push();
    await stand.decide();
    await stand.copyWhile(async () => {
      stand.publish({ mirror: policyOf('mirror', 'replicate: [{ registry: b, priorityClass: critical }]') });
      for (const { id } of stand.policy.timers().filter(({ kind }) => kind === 'sweep')) stand.policy.fire(id);
      await stand.decide();
    });
    await stand.settle();
    assert.deepEqual(
      stand.events('ImageDecided').map(({ targets }) => targets[0]?.priorityClass),
      ['normal', 'critical'],
    );
    const copies = stand.events('ImageCopied');
    assert.deepEqual([copies.length, await stand.digestAt('b')], [1, digest]);
    assert.ok(copies[0]!.bytesCopied > 0, 'it is the first one, not a second that finds all there');
  });

  it('of the policies ends the copy to what is a target no longer, and that is told', async () => {
    stand.publish(toB);
    await stand.push();
    await stand.decide();
    stand.publish({ mirror: policyOf('mirror', 'replicate: [{ registry: c }]') });
    for (const { id } of stand.policy.timers().filter(({ kind }) => kind === 'sweep')) stand.policy.fire(id);
    await stand.decide();
    await stand.settle();
    assert.deepEqual(
      stand.events('ImageCopyFailed').map(({ code }) => code),
      ['COPY_WITHDRAWN'],
    );
    assert.deepEqual([await stand.digestAt('b'), (await stand.digestAt('c')) !== undefined], [undefined, true]);
  });
});
