import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { entryFaults, sourceKinds, sources, SourcesFile } from '@waybill/webhook-sources';
import { Value } from 'typebox/value';
import { parse } from 'yaml';

// Goal: what a page tells an operator to write into config/sources.yaml is taken as it stands there.
const folder = join(import.meta.dirname, '../../docs/registries');
const read = (name: string): string => readFileSync(join(folder, `${name}.md`), 'utf8');

type SourceEntry = SourcesFile['sources'][number];

const entriesOf = (page: string): readonly SourceEntry[] =>
  [...page.matchAll(/^```yaml\n(- name: [^]*?)^```$/gm)].flatMap(([, text]) => parse(text!) as readonly SourceEntry[]);

describe('the page of each kind of sender', () => {
  for (const kind of sourceKinds)
    it(`${kind} has an endpoint of that kind, which is valid and by a scheme that the sender knows`, () => {
      const page = read(kind);
      const entries = entriesOf(page);
      assert.ok(entries.length > 0, 'the page has no entry');
      for (const entry of entries) {
        assert.deepEqual(Value.Errors(SourcesFile, Value.Default(SourcesFile, { sources: [entry] })), []);
        assert.deepEqual(entryFaults(entry), []);
        assert.equal(entry.kind, kind);
        assert.ok((sources[kind].auth as readonly string[]).includes(entry.auth.scheme), entry.auth.scheme);
        assert.ok(page.includes(`/v1/webhooks/${entry.name}`), 'the page names the URL of the endpoint');
      }
      assert.match(page, /outcome="events"/, 'how to see that it works');
    });

  it('is listed beside the others', () => {
    const listed = [...read('README').matchAll(/^\| \[`([a-z]+)`\]\(\1\.md\) \|/gm)].map(([, kind]) => kind);
    assert.deepEqual(listed, [...sourceKinds].sort());
  });
});

it('the page of authentication shows endpoints that are valid', () => {
  const page = readFileSync(join(folder, '../authentication.md'), 'utf8');
  const files = [...page.matchAll(/^```yaml\n(sources:\n[^]*?)^```$/gm)].map(([, text]) => parse(text!) as SourcesFile);
  assert.ok(files.length > 0);
  for (const file of files) {
    assert.deepEqual(Value.Errors(SourcesFile, Value.Default(SourcesFile, file)), []);
    assert.deepEqual(file.sources.flatMap(entryFaults), []);
  }
});
