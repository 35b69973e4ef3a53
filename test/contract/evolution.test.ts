import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Schema } from 'avsc';
import { readReleased, releaseFaults } from '../../schemas/release.ts';
import { readSchemaFiles } from '../../schemas/schema-files.ts';
import { compatibilityFaults } from './compatibility.ts';

const files = readSchemaFiles();
const record = (...fields: readonly object[]): Schema => ({ type: 'record', name: 'Planted', namespace: 'waybill.test', fields }) as Schema;
const id = { name: 'id', type: 'string' };
const note = { name: 'note', type: ['null', 'string'], default: null };

describe('versions of a record', () => {
  for (const name of new Set(files.map((file) => file.record))) {
    const versions = files.filter((file) => file.record === name);
    it(`${name}: ${versions.length} that all read each other, numbered without a gap`, () => {
      assert.deepEqual(
        versions.map(({ version }) => version).toSorted((a, b) => a - b),
        versions.map((_, index) => index + 1),
      );
      assert.deepEqual(compatibilityFaults(versions.map(({ path, schema }) => ({ name: path, schema: schema as Schema }))), []);
    });
  }

  it('may gain and lose a field that has a default', () =>
    assert.deepEqual(
      compatibilityFaults([
        { name: 'v1', schema: record(id) },
        { name: 'v2', schema: record(id, note) },
        { name: 'v3', schema: record(id) },
      ]),
      [],
    ));

  for (const [change, ...schemas] of [
    ['a field without a default', record(id), record(id, { name: 'size', type: 'long' })],
    ['a wider type, which old readers do not know', record({ name: 'n', type: 'int' }), record({ name: 'n', type: 'long' })],
    ['another name', record(id, note), record(id, { name: 'remark', type: 'string' })],
    [
      'a symbol of an enum',
      record({ name: 'e', type: { type: 'enum', name: 'E', symbols: ['A'] } }),
      record({ name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } }),
    ],
    ['something two versions later', record(id), record(id, note), record(note)],
  ] as const) {
    it(`may not gain ${change}`, () => {
      const faults = compatibilityFaults(schemas.map((schema, index) => ({ name: `v${index + 1}`, schema })));
      assert.notEqual(faults.length, 0);
      assert.match(faults[0]!, /^v\d cannot read v\d: /);
    });
  }
});

describe('a released schema', () => {
  it('never changes', () => assert.deepEqual(releaseFaults(readReleased(), files), []));

  it('is found when it is changed or removed; a new one is free', () => {
    const released = { 'a/A.v1.avsc': '00', 'a/B.v1.avsc': '11', 'a/C.v1.avsc': '22' };
    const now = [
      { path: 'a/A.v1.avsc', sha256: '00' },
      { path: 'a/B.v1.avsc', sha256: '12' },
      { path: 'a/New.v1.avsc', sha256: '33' },
    ];
    assert.deepEqual(
      releaseFaults(released, now).map((fault) => fault.slice(0, 40)),
      ['schemas/a/B.v1.avsc was released and has', 'schemas/a/C.v1.avsc was released and is '],
    );
  });
});
