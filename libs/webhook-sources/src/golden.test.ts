import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { findCanonicalPush, parseDelivery, settingsOf, sourceKinds, type CanonicalPush, type Parsed, type SourceKind } from './index.ts';

// Goal: a recorded webhook always becomes the same events. test/fixtures/webhooks/README.md says where the recordings are from.
const folder = `${import.meta.dirname}/../../../test/fixtures/webhooks`;
const update = process.env['UPDATE_GOLDEN'] !== undefined;

type Fixture = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly rawBody?: string;
  readonly method?: string;
  readonly config?: { readonly registryHost?: string };
  readonly expected: readonly CanonicalPush[];
};

const parse = (kind: SourceKind, fixture: Fixture): Parsed =>
  parseDelivery(
    kind,
    {
      headers: Object.fromEntries(Object.entries(fixture.headers).map(([name, value]) => [name.toLowerCase(), value])),
      body: Buffer.from(fixture.rawBody ?? JSON.stringify(fixture.body)),
      receivedAtMs: 1_700_000_000_000,
    },
    settingsOf('golden', { registryHost: fixture.config?.registryHost ?? null }),
  );

for (const kind of sourceKinds)
  describe(kind, () => {
    const goldenPath = `${folder}/golden/${kind}.json`;
    const golden = existsSync(goldenPath) ? (JSON.parse(readFileSync(goldenPath, 'utf8')) as Record<string, unknown>) : {};
    const results: Record<string, Parsed> = {};
    for (const path of globSync(`${folder}/${kind}/*.json`).sort()) {
      const name = basename(path, '.json');
      const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
      if (fixture.method === 'OPTIONS') continue; // A question without a body: the source's own test has it.
      it(name, () => {
        const parsed = parse(kind, fixture);
        results[name] = parsed;
        const events = parsed.outcome === 'events' ? parsed.events : [];
        assert.deepEqual(
          events.flatMap((event) => findCanonicalPush(event) ?? []),
          fixture.expected,
        );
        if (!update) assert.deepEqual(parsed, golden[name]);
      });
    }
    it('has recordings, each with what it became when it was first read', () => {
      if (update) {
        mkdirSync(`${folder}/golden`, { recursive: true });
        writeFileSync(goldenPath, `${JSON.stringify(results, null, 2)}\n`);
      }
      assert.ok(Object.keys(results).length > 0);
      if (!update) assert.deepEqual(Object.keys(results), Object.keys(golden));
    });
  });
