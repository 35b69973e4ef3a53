import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

// Goal: whoever sees a metric finds what it says, and the page names none that is gone.
const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const namesIn = (text: string, pattern: RegExp): readonly string[] => [...text.matchAll(pattern)].map(([, name]) => name!);

const sources = [
  'libs/app-kit/src/stream-metrics.ts',
  'apps/gateway/src/metrics.ts',
  'apps/gateway/src/auth/metrics.ts',
  'apps/gateway/src/spool/metrics.ts',
  'apps/api/src/metrics.ts',
];
const declared = sources.map((path) => ({ path, names: namesIn(read(path), /(?:name: |gauge\()'((?:waybill|api)_[a-z_]+)'/g) }));
const documented = namesIn(read('docs/runbooks/metrics.md'), /^\| `([a-z_]+)`/gm);

describe('the page of metrics', () => {
  for (const { path, names } of declared)
    it(`has every metric of ${path}`, () => {
      assert.ok(names.length > 3, 'the names are found');
      assert.deepEqual(names.filter((name) => !documented.includes(name)), []); // prettier-ignore
    });

  it('names each once, and none that is gone', () => {
    const known = new Set(declared.flatMap(({ names }) => names));
    assert.deepEqual(documented.filter((name, index) => !known.has(name) || documented.indexOf(name) !== index), []); // prettier-ignore
  });
});
