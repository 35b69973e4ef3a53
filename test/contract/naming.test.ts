import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allTopics, retiredRecords, topics } from '@waybill/domain';
import { readSchemaFiles } from '../../schemas/schema-files.ts';
import { fieldFaults, fieldsOf, isPastTense } from './naming-rules.ts';

const files = readSchemaFiles();
const schemas = new Set(files.map(({ record }) => record));
const travelling = new Set<string>([...allTopics.flatMap((topic) => topic.records), ...retiredRecords]);

describe('topics and schemas', () => {
  it('name the same records', () => assert.deepEqual([...schemas].sort(), [...travelling].sort()));

  it('call what happened in the past tense, and what is kept by a noun', () => {
    const facts = allTopics.filter((topic) => topic.kind === 'event' && topic !== topics.audit).flatMap((topic) => topic.records);
    const rows = allTopics.filter((topic) => topic.kind === 'state' || topic.kind === 'table').flatMap((topic) => topic.records);
    assert.deepEqual(
      facts.filter((record) => !isPastTense(record)),
      [],
    );
    assert.deepEqual(rows.filter(isPastTense), []);
  });

  it('keep facts and rows apart: no record is both', () => {
    const facts = new Set<string>(allTopics.filter(({ kind }) => kind === 'event' || kind === 'table').flatMap(({ records }) => records));
    assert.deepEqual(
      allTopics.filter(({ kind }) => kind === 'state').flatMap(({ records }) => records.filter((record) => facts.has(record))),
      [],
    );
  });

  it('have names that say domain, content and version', () => {
    for (const { name } of allTopics) assert.match(name, /^waybill[.][a-z]+(-[a-z]+)*[.]v[1-9][0-9]*$/);
    assert.equal(new Set(allTopics.map(({ name }) => name)).size, allTopics.length);
  });

  it('keep events for ever, but for the raw deliveries', () => {
    const expiring = allTopics.filter(({ kind, retentionMs }) => kind === 'event' && retentionMs !== -1);
    assert.deepEqual(expiring, [topics.deliveries]);
  });
});

describe('a field', () => {
  for (const { path, schema } of files) {
    it(`of ${path} is named and typed for good`, () => assert.deepEqual(fieldsOf(schema).flatMap(fieldFaults), []));
  }

  it('is found when it is not, however deep', () => {
    const bad = [
      { name: 'SizeBytes', type: 'long' },
      { name: 'receivedAt', type: 'long' },
      { name: 'size', type: ['null', 'long'] },
      { name: 'either', type: ['string', 'long'] },
      { name: 'score', type: 'double' },
      { name: 'outcome', type: { type: 'enum', name: 'Outcome', symbols: ['A'] } },
      {
        name: 'inner',
        type: { type: 'array', items: { type: 'record', name: 'Inner', fields: [{ name: 'snake_case', type: 'string' }] } },
      },
    ];
    const faults = fieldsOf({ type: 'record', name: 'Bad', fields: bad }).flatMap(fieldFaults);
    assert.deepEqual(
      faults.map((fault) => fault.split(' ')[0]),
      ['Bad.SizeBytes', 'Bad.receivedAt', 'Bad.size', 'Bad.either', 'Bad.score', 'Bad.outcome', 'Bad.Inner.snake_case'],
    );
  });
});
