import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { parseYaml } from '@waybill/app-kit';
import { adviseOn, endpointOf, entryFaults, SourcesFile } from '@waybill/webhook-sources';

// Goal: what an operator copies out of a page is taken by the gateway, and is what the sender can do.
const root = join(import.meta.dirname, '../..');
const pages = [...globSync(join(root, 'docs/registries/*.md')), join(root, 'docs/authentication.md')].sort();
/** Blocks of endpoints: a list, or a whole file. Others are the sender's own settings. */
const blocksOf = (page: string): readonly string[] =>
  [...readFileSync(page, 'utf8').matchAll(/^```yaml\n([^]*?)^```/gm)]
    .map(([, text]) => text!)
    .filter((text) => /^ *(?:- )?kind: /m.test(text) && /^ *(?:- )?auth:/m.test(text))
    .map((text) => (text.startsWith('sources:') ? text : `sources:\n${text.replaceAll(/^/gm, '  ')}`));

describe('what is to be entered into sources.yaml', () => {
  for (const page of pages) {
    const name = relative(root, page);
    it(`by ${name} is taken by the gateway`, () => {
      const blocks = blocksOf(page);
      assert.ok(blocks.length > 0 || basename(page) === 'README.md', 'the page has an example');
      for (const block of blocks) {
        const { sources } = parseYaml(block, name, SourcesFile, { SECRETS_DIR: '/run/secrets' });
        assert.deepEqual(sources.flatMap(entryFaults), []);
        const endpoints = sources.map((entry) => ({ ...endpointOf(entry), secrets: [] }));
        const foreign = adviseOn(endpoints, 0).filter(({ message }) => message.includes('by itself'));
        assert.deepEqual(foreign, []);
      }
    });
  }
});
