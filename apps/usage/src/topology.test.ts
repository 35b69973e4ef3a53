import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { topics } from '@waybill/domain';
import { startUsage, type Happening } from './testing.fixture.ts';
import { anyHistory, happeningOf, recountOf, sorted, type Fact } from './world.fixture.ts';

/**
 * Feeds a history as a group may read it: each topic in its order, topics among each other in any, some records twice, timers in between.
 * What is passed on comes when its turn is.
 */
function read(facts: readonly Fact[], turns: readonly number[]) {
  const started = startUsage();
  const queues = new Map<string, Happening[]>();
  for (const happening of facts.map(happeningOf))
    queues.set(happening.topic.name, [...(queues.get(happening.topic.name) ?? []), happening]);
  let turn = 0;
  for (;;) {
    const ways = [...queues.values()].filter((queue) => queue.length > 0);
    const chosen = turns[turn % turns.length]!;
    turn += 1;
    if (chosen % 4 === 0) started.takePassedOn();
    if (chosen % 7 === 0) started.tell();
    const queue = ways[chosen % Math.max(1, ways.length)];
    if (queue !== undefined) {
      if (chosen % 5 === 0) started.feed(queue[0]!);
      started.feed(queue.shift()!);
    } else if (!started.takePassedOn()) break;
  }
  started.tell();
  return toldBy(started);
}

function toldBy({ tenants, registries, pulls }: ReturnType<typeof startUsage>) {
  const bySource = new Map<string, number>();
  for (const { registry, repository, days } of pulls()) {
    const source = `${registry}/${repository}`;
    bySource.set(
      source,
      days.reduce((sum, day) => sum + day.pulls, bySource.get(source) ?? 0),
    );
  }
  const withImages = tenants().filter(({ images }) => images > 0);
  const withCopies = tenants().filter(({ copiesByMinute }) => copiesByMinute.length > 0);
  return {
    tenants: sorted(new Map(withImages.map(({ tenant, bytes, images }) => [tenant, [bytes, images]]))),
    registries: sorted(new Map(registries().flatMap(({ registry, usedBytes, images }) => (images > 0 ? [[registry, usedBytes]] : [])))),
    copies: sorted(
      new Map(withCopies.map(({ tenant, copiesByMinute }) => [tenant, copiesByMinute.reduce((sum, { copies }) => sum + copies, 0)])),
    ),
    pulls: sorted(bySource).filter(([, count]) => count > 0),
  };
}

describe('what is told', () => {
  it('equals a plain recount of all that happened, in whatever order its topics are read and however often', () => {
    const turns = fc.array(fc.nat(419), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(anyHistory, turns, (facts, order) => assert.deepEqual(read(facts, order), recountOf(facts))),
      { numRuns: 400 },
    );
  });
});

describe('the stage', () => {
  it('takes of what webhooks say pulls alone, the rest from where each occurrence is once', () => {
    const { driver, feed } = startUsage();
    const { event } = happeningOf({ at: 1, kind: 'deleted', place: { registry: 'b.test', repository: 'app' }, tag: 'v1' });
    feed({ topic: topics.imageEvents, key: 'b.test/app', event });
    assert.deepEqual(driver.ignored(), ['no pull']);
    assert.equal(driver.row('usage', 'copy/b.test/app:v1'), undefined);
  });
});
