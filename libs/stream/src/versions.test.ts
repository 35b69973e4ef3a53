import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Topic } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import type { Event } from '@waybill/domain';
import type { Input, Topology } from './topology.ts';
import { stateTopicsOf, versioned } from './versions.ts';

const app: Topology = {
  group: 'dedup',
  inputs: [topics.imageEvents],
  stores: { catalog: topics.catalog },
  marks: { seen: { topic: topics.dedupMarks, ttlMs: 1 } },
  outputs: [topics.images],
  held: topics.dedupHeld,
  rebuild: 'inputs',
  handle: () => ({}),
};
const names = (list: readonly Topic[]): readonly string[] => list.map(({ name }) => name);

describe('a version of an app', () => {
  it('is the app as it is for version 1, under its old names', () => assert.equal(versioned(app, 1), app));

  it('has a group and state topics of its own, and the inputs and outputs of the app', () => {
    const second = versioned(app, 2);
    assert.equal(second.group, 'dedup.v2');
    assert.deepEqual(names(stateTopicsOf(second)), ['waybill.catalog.v2', 'waybill.dedup-marks.v2', 'waybill.dedup-held.v2']);
    assert.deepEqual([second.inputs, second.outputs], [app.inputs, app.outputs]);
  });

  it('has timers of its own', () => {
    const second = versioned({ ...app, jobTopic: topics.inspectorJobs, timers: ['bell'] }, 2);
    assert.equal(second.jobTopic?.name, 'waybill.inspector-jobs.v2');
  });

  it('shares no state topic with another version', () => {
    const all = [1, 2, 12].flatMap((version) => names(stateTopicsOf(versioned(app, version))));
    assert.equal(new Set(all).size, all.length);
  });

  it('says the same events under the same ids, as the same source', () => {
    const meta = { id: 'e', source: '/t', timeMs: 1, subject: 's', correlationId: 'c', causationId: null, traceparent: null };
    const input = { kind: 'event', event: { type: 'ImagePulled', data: {}, meta } as unknown as Event, atMs: 1 } as unknown as Input;
    const event = { type: 'ImagePulled', data: {} } as unknown as Event;
    const metaOf = (topology: Topology) =>
      outcomeOf(topology, input, { emit: [{ topic: topics.images, key: 'k', subject: 's', event }] }).events[0]!.event.meta;
    assert.deepEqual(metaOf(versioned(app, 2)), metaOf(app));
  });

  it('is refused where the rows do not follow from inputs that are all there', () => {
    const { rebuild: _, ...undeclared } = app;
    assert.throws(() => versioned(undeclared, 2), /does not say that its rows follow/);
    const jobs = { inspect: {} as never };
    assert.throws(() => versioned({ ...app, jobTopic: topics.inspectorJobs, jobs }, 2), /its rows come from jobs/);
    assert.throws(() => versioned({ ...app, inputs: [topics.deliveries] }, 2), /keeps records for \d+ ms only/);
  });

  it('is refused out of bounds', () => {
    for (const version of [0, -1, 1.5, 1_000, NaN]) assert.throws(() => versioned(app, version), /is none of 1 to 999/);
  });
});
