import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isCloudEvents, readCloudEvents, type CloudEvent } from './cloud-event.ts';
import { settingsOf, type Headers } from './parsed.ts';
import type { JsonObject } from './json.ts';

type Read = { readonly events: readonly CloudEvent[]; readonly malformed: readonly string[] };
function read(json: JsonObject | readonly unknown[], headers: Headers = {}): Read {
  const events: CloudEvent[] = [];
  const findings = readCloudEvents({ json, headers, settings: settingsOf('test') }, (event) => {
    events.push(event);
    return [];
  });
  return {
    events,
    malformed: findings.map((finding) => ('malformed' in finding ? finding.malformed : '?')),
  };
}
const required = { specversion: '1.0', id: '1', source: '/s', type: 'a.b' };
const binary = { 'content-type': 'application/json', 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 'a.b' };
const dataOf = (more: object): unknown => read({ ...required, ...more }).events[0]?.data;

describe('the mode of a CloudEvent', () => {
  it('is structured for an object and batched for an array, whatever the media type says beside that', () => {
    for (const contentType of [
      'application/cloudevents+json; charset=utf-8',
      'application/cloudevents-batch+json',
      'application/json',
      '',
    ]) {
      assert.equal(read(required, { 'content-type': contentType }).events.length, 1);
      assert.equal(read([required, required], { 'content-type': contentType }).events.length, 2);
    }
  });
  it('is binary where the headers have the attributes: the body is all data, an array too', () => {
    assert.deepEqual(read({ a: 1 }, binary).events[0]?.data, { a: 1 });
    assert.deepEqual(read([1], binary).events[0]?.data, [1]);
  });
  it('is structured also where a proxy repeats the attributes as headers', () => {
    const headers = { ...binary, 'content-type': 'application/cloudevents+json', 'ce-id': 'other' };
    assert.equal(read({ ...required, data: { a: 1 } }, headers).events[0]?.id, '1');
  });
  it('is told from what is no CloudEvent', () => {
    const is = (json: JsonObject | readonly unknown[], headers: Headers = {}) =>
      isCloudEvents({ json, headers, settings: settingsOf('test') });
    assert.ok(is(required) && is([required]) && is({}, binary));
    assert.ok(!is({}) && !is([]) && !is([7]) && !is([{ eventType: 'x' }]));
  });
});

describe('an event', () => {
  it('needs four attributes that are texts; one without leaves the others of its batch alone', () => {
    for (const name of Object.keys(required))
      for (const value of [undefined, '', 1, null])
        assert.deepEqual(read([{ ...required, [name]: value }, required]).malformed, ['FIELD_MISSING']);
    assert.deepEqual(read([7, required]).malformed, ['EVENT_NOT_AN_OBJECT']);
    for (const name of ['ce-id', 'ce-source', 'ce-type'])
      assert.deepEqual(read({}, { ...binary, [name]: '' }).malformed, ['FIELD_MISSING']);
  });
  it('of an empty batch is none, of too large a one none either', () => {
    assert.deepEqual(read([]).malformed, []);
    assert.deepEqual(read(Array.from({ length: 5_001 }, () => required)).malformed, ['TOO_MANY_EVENTS']);
  });
});

describe('data', () => {
  it('may be JSON, text of JSON, or base64 of it', () => {
    const data = { a: 'ü' };
    assert.deepEqual(dataOf({ data }), data);
    assert.deepEqual(dataOf({ data: JSON.stringify(data) }), data);
    assert.deepEqual(dataOf({ data_base64: Buffer.from(JSON.stringify(data)).toString('base64') }), data);
  });
  it('that cannot be read is none, and held to the same bounds as a body', () => {
    for (const more of [{}, { data: 'text' }, { data_base64: '!' }, { data: '['.repeat(99) }]) assert.equal(dataOf(more), undefined);
  });
});

describe('a header', () => {
  it('is unquoted, then decoded once', () => {
    const subject = (value: string): unknown => read({}, { ...binary, 'ce-subject': value }).events[0]?.subject;
    assert.equal(subject('team%2Fapp%3A%C3%BC'), 'team/app:ü');
    assert.equal(subject('"a \\"b\\" %e2%82%ac"'), 'a "b" €');
    assert.equal(subject('a%2525'), 'a%25');
  });
  it('that is no percent-encoded UTF-8 makes the event malformed', () => {
    for (const value of ['%', '%zz', '%ff', '100%'])
      assert.deepEqual(read({}, { ...binary, 'ce-subject': value }).malformed, ['HEADER_INVALID']);
  });
});
