import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ESLint } from 'eslint';
import { root } from './cruise.ts';

const eslint = new ESLint({ cwd: root });

/** Rules broken by a text, as if it stood in a file that exists: types are looked up from there. */
async function lint(filePath: string, text: string): Promise<readonly (string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath });
  return [...new Set(result?.messages.map((message) => message.ruleId ?? message.message))];
}

describe('the linter', () => {
  it('finds a promise that nobody waits for', async () => {
    const text = 'async function save(): Promise<void> {}\nsave();\nexport const saved = 1;\n';
    assert.deepEqual(await lint('libs/stream/src/index.ts', text), ['@typescript-eslint/no-floating-promises']);
    assert.deepEqual(await lint('libs/stream/src/index.ts', text.replace('\nsave()', '\nawait save()')), []);
  });

  for (const [name, text, rule] of [
    ['the process', 'export const home = process.cwd();\n', 'no-restricted-globals'],
    ['the clock', 'export const now = Date.now();\n', 'no-restricted-syntax'],
    ['the clock by its constructor', 'export const now = new Date();\n', 'no-restricted-syntax'],
    ['chance', 'export const chance = Math.random();\n', 'no-restricted-syntax'],
    ['chance by crypto', "import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();\n", 'no-restricted-syntax'],
    ['the network', "export const answer = fetch('http://127.0.0.1');\n", 'no-restricted-globals'],
  ] as const) {
    it(`keeps ${name} out of the pure layer, and only there`, async () => {
      assert.deepEqual(await lint('libs/domain/src/index.ts', text), [rule]);
      assert.deepEqual(await lint('libs/stream/src/index.ts', text), []);
    });
  }

  it('lets the pure layer work with a time that it is given', async () => {
    assert.deepEqual(
      await lint('libs/domain/src/index.ts', 'export const day = (atMs: number): string => new Date(atMs).toISOString();\n'),
      [],
    );
  });
});
