import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event, EventMeta } from '@waybill/domain';
import { eventHeaders, parseMeta } from './record.ts';

const meta: EventMeta = {
  ...{ id: 'e', source: '/waybill/dedup', timeMs: 0, subject: 's', correlationId: 'c', causationId: null, traceparent: null },
};
const eventOf = (type: Event['type'], changes: Partial<EventMeta>): Event => ({ type, data: {}, meta: { ...meta, ...changes } }) as Event;

describe('the headers of an event', () => {
  it('say what its meta says, whatever came before', () => {
    const events = [
      eventOf('ImagePushed', {}),
      eventOf('ImageDeleted', { timeMs: 0, source: '/waybill/€' }),
      eventOf('ImageDeleted', { timeMs: 1_767_225_600_001, causationId: 'e1', traceparent: '00-1-2-01' }),
      eventOf('ImagePushed', { timeMs: 1_767_225_600_001, subject: 'ä'.repeat(500) }),
      ...Array.from({ length: 300 }, (_, index) => eventOf('ImagePushed', { source: `/source/${index}` })),
    ];
    const headers = events.map(eventHeaders); // All before the first is looked at: none may share what belongs to another.
    events.forEach((event, index) => {
      assert.deepEqual(parseMeta(headers[index]!), event.meta);
      assert.equal(headers[index]!['ce_type']?.toString(), `waybill.${event.type}.v1`);
    });
  });

  it('are those of the CloudEvents Kafka binding, in binary mode', () => {
    const event = eventOf('ImagePushed', { timeMs: 1_767_225_600_001, causationId: 'e1', traceparent: '00-1-2-01' });
    const texts = Object.entries(eventHeaders(event)).map(([name, value]) => `${name}: ${value.toString()}`);
    assert.deepEqual(texts, [
      'ce_specversion: 1.0',
      'ce_id: e',
      'ce_type: waybill.ImagePushed.v1',
      'ce_source: /waybill/dedup',
      'ce_time: 2026-01-01T00:00:00.001Z',
      'ce_subject: s',
      'content-type: application/avro',
      'correlationid: c',
      'causationid: e1',
      'traceparent: 00-1-2-01',
    ]);
  });

  it('are refused where one that must be there is not, or the time is none', () => {
    const headers = eventHeaders(eventOf('ImagePushed', {}));
    for (const name of ['ce_id', 'ce_source', 'ce_time', 'ce_subject', 'correlationid']) {
      const { [name]: _missing, ...others } = headers;
      assert.throws(() => parseMeta(others), { code: 'RECORD_UNDECODABLE', message: `header ${name} is missing` });
    }
    assert.throws(() => parseMeta({ ...headers, ce_time: Buffer.from('noon') }), /ce_time is no RFC 3339 time/);
  });
});
