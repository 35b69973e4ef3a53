import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { sourceFolders } from '../runner/plan.ts';
import { cruise, root } from './cruise.ts';
import type { Module } from './cruise.ts';

const isTest = (path: string): boolean => /[.]test[.]ts$/.test(path);
const isTestHelp = (path: string): boolean => /^(test|libs\/testing)\/|\/testing[./]|[.]fixture[.]ts$/.test(path);
const isDeclaration = (path: string): boolean => path.endsWith('.d.ts');

/** A script's name as another source, a package.json or a shell script would start it. */
const isNamedBy = (path: string, texts: ReadonlyMap<string, string>): boolean =>
  [...texts].some(([other, text]) => other !== path && new RegExp(`[/'"\`\\s]${basename(path).replaceAll('.', '[.]')}\\b`).test(text));

/**
 * Sources that nothing reaches: imported by no source and started by none. What only its own tests import is dead too:
 * a product's file must be reached by the product.
 */
export function findUnused(modules: readonly Module[], starters: ReadonlyMap<string, string>): readonly string[] {
  const isReached = ({ source, dependents }: Module): boolean =>
    isTest(source) || isDeclaration(source) || dependents.some((by) => isTestHelp(source) || !isTest(by)) || isNamedBy(source, starters);
  return modules.filter((module) => !isReached(module)).map(({ source }) => source);
}

const module = (source: string, ...dependents: readonly string[]): Module => ({ source, dependents, dependencies: [] });

describe('a source file', () => {
  it('is found when nobody, or only its own test, imports it', () => {
    const unused = [module('libs/x/src/lonely.ts'), module('libs/x/src/only-tested.ts', 'libs/x/src/only-tested.test.ts')];
    const used = [
      module('libs/x/src/used.ts', 'libs/x/src/index.ts'),
      module('libs/x/src/used.test.ts'),
      module('libs/x/src/x.fixture.ts', 'libs/x/src/used.test.ts'),
      module('apps/x/src/main.ts'),
    ];
    const starters = new Map([
      ['package.json', '"start": "node apps/x/src/main.ts"'],
      ['libs/x/src/other.ts', 'not-so-lonely.ts'],
    ]);
    assert.deepEqual(
      findUnused([...unused, ...used], starters),
      unused.map(({ source }) => source),
    );
  });

  it('is reached by another, by a package or by a script', async () => {
    const { modules } = await cruise(root, sourceFolders);
    const own = modules.filter(({ source }) => sourceFolders.some((folder) => source.startsWith(`${folder}/`)));
    const globs = ['package.json', '{apps,libs}/*/package.json', '{apps,libs,infra,test,schemas}/**/*.{ts,sh,yaml}', '.ci/run'];
    const paths = globSync(globs, { cwd: root, exclude: ['**/node_modules/**', '**/planted/**'] });
    const starters = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
    assert.deepEqual(findUnused(own, starters), []);
  });
});
