// For tests of other workspaces, and for this one's own.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isDigest, isRegistryHost, isRepositoryName, isTag } from '@waybill/domain';
import type { Headers, ImageEvent, Parsed, SourceKind } from './index.ts';
import { isObject } from './json.ts';

export { issue } from './auth/certificate.fixture.ts';
export type { Issued } from './auth/certificate.fixture.ts';

/** A delivery as a real sender made it. */
export type RecordedDelivery = {
  readonly kind: SourceKind;
  readonly name: string;
  /** Lower-case names. */
  readonly headers: Headers;
  readonly body: Buffer;
  readonly registryHost: string | null;
};

type File = {
  readonly headers: Headers;
  readonly body: unknown;
  readonly rawBody?: string;
  readonly config?: { readonly registryHost?: string };
};

/** What `test/fixtures/webhooks` has recorded. */
export const recordedDeliveries = (): readonly RecordedDelivery[] =>
  globSync(`${import.meta.dirname}/../../../test/fixtures/webhooks/!(golden)/*.json`)
    .sort()
    .map((path) => {
      const { headers, body, rawBody, config } = JSON.parse(readFileSync(path, 'utf8')) as File;
      return {
        kind: basename(dirname(path)) as SourceKind,
        name: basename(path, '.json'),
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: Buffer.from(rawBody ?? JSON.stringify(body)),
        registryHost: config?.registryHost ?? null,
      };
    });

/** @throws AssertionError where a result breaks what holds of every result, whatever came in */
export function assertSound(parsed: Parsed): void {
  for (const part of parsed.rest) assert.notEqual(part.reason, 'PARSER_FAILED');
  if (parsed.outcome === 'malformed') assert.notEqual(parsed.reason, 'PARSER_FAILED');
  if (parsed.outcome === 'events') {
    assert.ok(parsed.events.length > 0);
    parsed.events.forEach(assertSoundEvent);
  }
}

function assertSoundEvent({ id, type, data }: ImageEvent): void {
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(isRegistryHost(data.registry));
  assert.ok(isRepositoryName(data.source === 'aliyun' ? data.repository.toLowerCase() : data.repository));
  assert.ok(data.tags.every(isTag));
  assert.equal(new Set(data.tags).size, data.tags.length);
  assert.ok(data.digest === null || isDigest(data.digest));
  assertText(data.actor, data.sourceDeliveryId);
  assertWhole(data.occurredAtMs);
  if (type === 'ImageDeleted') return;
  assertText(data.rawDigest, data.mediaType, data.configMediaType);
  assertWhole(data.sizeBytes);
  assert.ok(data.digest === null || data.rawDigest === null);
  if (type === 'ImagePushed') assertText(data.rawOccurredAt, data.transportDeliveryId);
}

/** What Avro and Kafka can carry, and a log can print. */
function assertText(...texts: readonly unknown[]): void {
  for (const text of texts)
    assert.ok(text === null || (typeof text === 'string' && text.length > 0 && text.length <= 255 && text.isWellFormed()));
}

const assertWhole = (value: unknown): void => assert.ok(value === null || (Number.isSafeInteger(value) && (value as number) >= 0));

/** How many values a JSON value has, itself and those inside of it. */
export const valuesCount = (json: unknown): number =>
  1 + (Array.isArray(json) ? json : isObject(json) ? Object.values(json) : []).reduce<number>((sum, value) => sum + valuesCount(value), 0);

/** A copy in which value number `at`, counted from 0 in reading order, is another. */
export function replaceValue(json: unknown, at: number, replace: (value: unknown) => unknown): unknown {
  let left = at;
  const copy = (value: unknown): unknown => {
    if (left-- === 0) return replace(value);
    if (Array.isArray(value)) return value.map(copy);
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)])) : value;
  };
  return copy(json);
}
