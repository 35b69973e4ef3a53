import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { settingsOf } from './parsed.ts';
import { deliveryEvent, deliveryIdOf, placedImages, receiptOf } from './receipt.ts';

const receivedAtMs = 1_700_000_000_000;
const event = (id: string, tag: string) => ({
  ...{ id, action: 'push', request: { host: 'registry.example' } },
  target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, repository: 'team/app', tag },
});

function delivery(body: unknown, traceparent: string | null = null) {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const data = {
    ...{ source: 'distribution', endpoint: 'main', receivedAtMs, contentType: null, headers: {}, remoteAddress: null },
    ...{ bodySha256: createHash('sha256').update(bytes).digest('hex'), body: bytes },
  };
  return deliveryEvent(data, traceparent);
}
const receipt = (stored: ReturnType<typeof delivery>) => receiptOf(stored, 'distribution', settingsOf('main'));

describe('a stored delivery', () => {
  it('gives the same receipt whenever it is read', () => {
    const stored = delivery({ events: [event('1', 'v1'), event('2', 'v2'), 7] });
    const copy = { ...stored, data: { ...stored.data, body: Buffer.from(stored.data.body), headers: { ...stored.data.headers } } };
    assert.deepEqual(receipt(copy), receipt(stored));
  });

  it('is known by its endpoint and its bytes', () => {
    const ids = [delivery('a'), delivery('a', '00-1'), delivery('b')].map(({ meta }) => meta.id);
    assert.equal(ids[0], ids[1]);
    assert.notEqual(ids[0], ids[2]);
    assert.notEqual(deliveryIdOf('main', 'x'), deliveryIdOf('other', 'x'));
  });

  it('is the cause of its events, each of which begins a journey at the time at which it came', () => {
    const stored = delivery({ events: [event('1', 'v1'), event('2', 'v2')] }, '00-trace');
    const placed = placedImages(receipt(stored));
    assert.deepEqual(
      placed.map(({ topic, key, event: { meta } }) => [topic.name, key, meta.subject, meta.causationId, meta.timeMs, meta.traceparent]),
      ['v1', 'v2'].map((tag) => {
        const repository = 'registry.example/team/app';
        return ['waybill.image-events.v1', repository, `${repository}:${tag}`, stored.meta.id, receivedAtMs, '00-trace'];
      }),
    );
    for (const { event: each } of placed) assert.equal(each.meta.correlationId, each.meta.id);
    assert.equal(new Set(placed.map(({ event: each }) => each.meta.id)).size, 2);
  });

  it('keeps what can be read of a batch, and tells what cannot', () => {
    const { outcome, images, unread, ignoredCount } = receipt(
      delivery({ events: [event('1', 'v1'), 7, { ...event('2', 'v2'), action: 'mount' }] }),
    );
    assert.deepEqual([outcome, images.length, unread?.code, ignoredCount], ['events', 1, 'EVENT_NOT_AN_OBJECT', 1]);
  });

  it('is parked where nothing of it can be read, with ten reasons at most', () => {
    const { outcome, images, unread } = receipt(delivery({ events: Array.from({ length: 30 }, () => 7) }));
    assert.deepEqual([outcome, images.length, unread?.count], ['parked', 0, 30]);
    assert.match(unread!.reason, /^part 0: .*; part 9: [^;]*; and 20 more$/);
  });
});
