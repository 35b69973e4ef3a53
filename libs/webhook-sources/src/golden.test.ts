import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { parseDelivery, type Parsed, type SourceKind } from './index.ts';

// Goal: a recorded webhook always becomes the same events. test/fixtures/webhooks/README.md says where the recordings are from.
const folder = `${import.meta.dirname}/../../../test/fixtures/webhooks`;
const goldenPath = `${folder}/golden.json`;

type Expected = {
  readonly registryHost: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: string | null;
  readonly mediaType: string | null;
  readonly size: number | null;
  readonly pushedAt: string | null;
  readonly actor: string | null;
  readonly sourceDeliveryId: string | null;
};
type Fixture = { readonly body: unknown; readonly rawBody?: string; readonly expected: readonly (Expected & { action: string })[] };

const parse = (path: string, fixture: Fixture): Parsed =>
  parseDelivery(
    basename(dirname(path)) as SourceKind,
    { headers: {}, body: Buffer.from(fixture.rawBody ?? JSON.stringify(fixture.body)), receivedAtMs: 1_700_000_000_000 },
    // Deletions of Distribution name no host, as a registry behind a proxy does not either.
    { endpoint: 'golden', registryHost: path.includes('distribution/delete') ? 'registry.example.com' : null },
  );

/** A push in the words of the fixtures. */
const pushesOf = (parsed: Parsed): readonly Expected[] =>
  (parsed.outcome === 'events' ? parsed.events : []).flatMap(({ type, data }) =>
    type === 'ImagePushed'
      ? [
          {
            registryHost: data.registry,
            repository: data.repository,
            tags: data.tags,
            digest: data.digest,
            mediaType: data.mediaType,
            size: data.sizeBytes,
            pushedAt: data.occurredAtMs === null ? null : new Date(data.occurredAtMs).toISOString(),
            actor: data.actor,
            sourceDeliveryId: data.sourceDeliveryId,
          },
        ]
      : [],
  );

const results: Record<string, Parsed> = {};
const golden = existsSync(goldenPath) ? (JSON.parse(readFileSync(goldenPath, 'utf8')) as Record<string, unknown>) : {};

for (const path of globSync(`${folder}/*/*.json`).sort()) {
  const name = `${basename(dirname(path))}/${basename(path, '.json')}`;
  const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
  test(name, () => {
    const parsed = parse(path, fixture);
    results[name] = parsed;
    assert.deepEqual(
      pushesOf(parsed),
      fixture.expected.map(({ action: _action, ...push }) => push),
    );
    if (!process.env['UPDATE_GOLDEN']) assert.deepEqual(parsed, golden[name]);
  });
}

test('there are recordings of every source', () => {
  if (process.env['UPDATE_GOLDEN']) writeFileSync(goldenPath, `${JSON.stringify(results, null, 2)}\n`);
  assert.equal(Object.keys(results).length, 30);
});
