import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupOf, profileTables, selfTimes, type Profile } from './profile.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, scriptId: '0', lineNumber: 9, columnNumber: 0 });

/** root -> take (libs/stream) -> [concat (native), encode (avsc)]; and idle, and the collector. */
const profile: Profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 5, 6] },
    { id: 2, callFrame: frame('take', 'file:///x/libs/stream/src/task.ts'), children: [3, 4] },
    { id: 3, callFrame: frame('concat', 'node:buffer') },
    { id: 4, callFrame: frame('encode', '/x/node_modules/avsc/lib/types.js') },
    { id: 5, callFrame: frame('(idle)') },
    { id: 6, callFrame: frame('(garbage collector)') },
  ],
  startTime: 0,
  endTime: 10_000,
  samples: [2, 3, 4, 5, 6, 5],
  timeDeltas: [0, 1_000, 2_000, 3_000, 900_000, 4_000],
  threadCpuMs: 20,
};

describe('a profile', () => {
  it('counts what Node and native code do for the part that called them', () => {
    const lines = selfTimes(profile).map(({ group, name, place, ms }) => [group, name, place, ms]);
    assert.deepEqual(lines, [
      ['engine', '(garbage collector)', '', 4],
      ['avsc', 'encode', 'types.js:10', 3],
      ['libs/stream', 'concat < take', 'task.ts:10', 2],
      ['libs/stream', 'take', 'task.ts:10', 1],
    ]);
  });

  it('leaves out the time in which there was nothing to do', () => {
    assert.ok(!selfTimes(profile).some(({ name }) => name.includes('idle')));
  });

  it('shares out the processor time that the thread has had, not the time that went by', () => {
    const [groups] = profileTables(profile, 1_000);
    assert.deepEqual(groups!.slice(0, 4), [
      ['where', 'us', 'share'],
      ['all', '20.00', '100.0 %'],
      ['engine', '8.00', '40.0 %'],
      ['avsc', '6.00', '30.0 %'],
    ]);
  });

  it('names libs, packages with a scope, apps and the bench', () => {
    assert.equal(groupOf('file:///x/libs/state-store/src/writer.ts'), 'libs/state-store');
    assert.equal(groupOf('file:///x/node_modules/@node-rs/crc32/index.js'), '@node-rs/crc32');
    assert.equal(groupOf('file:///x/apps/dedup/src/topology.ts'), 'apps/dedup');
    assert.equal(groupOf('file:///x/test/bench/topology.ts'), 'test/bench');
    assert.equal(groupOf('node:internal/buffer'), undefined);
  });
});
