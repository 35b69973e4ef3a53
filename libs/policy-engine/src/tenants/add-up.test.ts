import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantUsage } from '@waybill/domain';
import { copiesLeaveAtMs, pullsByRegionOf, registryUsageOf, tenantUsageOf } from './add-up.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const noonMs = Date.UTC(2026, 0, 10, 12);

const part = (partition: number, bytes: number, images: number, minutes: readonly (readonly [startMs: number, copies: number])[]) =>
  ({
    ...{ tenant: 'acme', partition, bytes, images, imagesUnsized: 0, releasedCount: 0, changedAtMs: noonMs },
    copiesByMinute: minutes.map(([minuteStartMs, copies]) => ({ minuteStartMs, copies })),
  }) satisfies TenantUsage;

describe('what a tenant has', () => {
  const parts = [
    part(0, 10, 1, [
      [noonMs - hourMs - minuteMs, 100],
      [noonMs - hourMs, 2],
    ]),
    part(3, 5, 2, [[noonMs, 3]]),
  ];

  it('is the sum of its parts', () => assert.deepEqual(tenantUsageOf(parts, noonMs), { bytes: 15, images: 3, copiesLastHour: 5 }));
  it('is nothing without parts', () => assert.deepEqual(tenantUsageOf([], noonMs), { bytes: 0, images: 0, copiesLastHour: 0 }));

  it('counts copies of a minute until its end is an hour ago', () => {
    assert.equal(tenantUsageOf(parts, noonMs - 1).copiesLastHour, 105);
    assert.equal(tenantUsageOf(parts, noonMs + minuteMs - 1).copiesLastHour, 5);
    assert.equal(tenantUsageOf(parts, noonMs + minuteMs).copiesLastHour, 3);
  });

  it('says when the next copies leave the hour', () => {
    assert.equal(copiesLeaveAtMs(parts, noonMs - 1), noonMs);
    assert.equal(copiesLeaveAtMs(parts, noonMs), noonMs + minuteMs);
    assert.equal(copiesLeaveAtMs(parts, noonMs + minuteMs), noonMs + hourMs + minuteMs);
    assert.equal(copiesLeaveAtMs(parts, noonMs + hourMs + minuteMs), Infinity);
  });
});

it('what a registry holds is the sum of its parts', () => {
  const held = { registry: 'b', images: 1, imagesUnsized: 0, changedAtMs: noonMs };
  const parts = [
    { ...held, partition: 0, usedBytes: 7 },
    { ...held, partition: 1, usedBytes: 8 },
  ];
  assert.deepEqual(registryUsageOf(parts), { usedBytes: 15 });
});

describe('pulls by region', () => {
  const today = Math.floor(noonMs / dayMs) * dayMs;
  const place = (region: string | null, ...days: readonly (readonly [ago: number, pulls: number])[]) => ({
    region,
    days: days.map(([ago, pulls]) => ({ dayStartMs: today - ago * dayMs, pulls })),
  });

  it('are those of all places there, today and in the 30 days before', () => {
    const places = [place('eu', [31, 100], [30, 1], [0, 2]), place('us', [1, 5]), place('eu', [2, 10])];
    assert.deepEqual(pullsByRegionOf(places, noonMs), { eu: 13, us: 5 });
    assert.deepEqual(pullsByRegionOf(places, noonMs + dayMs), { eu: 12, us: 5 });
  });
  it('come under no name where the region of a place is not published', () =>
    assert.deepEqual(pullsByRegionOf([place(null, [0, 4]), place('eu')], noonMs), { '': 4 }));
});
