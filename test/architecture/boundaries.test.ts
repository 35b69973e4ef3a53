import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sourceFolders } from '../runner/plan.ts';
import { cruise, layOutPlanted, root } from './cruise.ts';

type Config = { readonly default: { readonly forbidden: readonly { readonly name: string }[] } };
type Manifest = {
  readonly name: string;
  readonly nx?: { readonly tags?: readonly string[] };
  readonly exports?: Readonly<Record<string, string>>;
};

const { default: config } = (await import(`${root}/.dependency-cruiser.mjs`)) as Config;
const rules = config.forbidden.map(({ name }) => name);

describe('a rule on directions', async () => {
  const tree = layOutPlanted();
  after(() => rmSync(tree, { recursive: true }));
  const { violations } = (await cruise(tree, ['apps', 'libs'])).summary;
  const found = new Set(violations.map(({ rule, from }) => `${rule.name} in ${basename(from, '.ts')}`));

  for (const rule of rules) {
    it(`${rule} finds the file that breaks it`, () => assert.ok(found.has(`${rule} in ${rule}`), [...found].join('\n')));
  }

  it('finds nothing else', () => {
    const own = new Set([...rules.map((rule) => `${rule} in ${rule}`), 'no-cycles in other']); // A cycle has two ends.
    assert.deepEqual(
      [...found].filter((name) => !own.has(name)),
      [],
    );
  });
});

describe('the real tree', async () => {
  const { modules, summary } = await cruise(root, sourceFolders);
  const cruised = new Map(modules.map((module) => [module.source, module]));

  it('is cruised whole: a cruise of nothing finds nothing wrong', () => {
    const written = globSync(['{apps,libs}/*/src/**/*.ts', '{schemas,infra,test}/**/*.ts'], { cwd: root, exclude: ['**/node_modules/**'] });
    const sources = written.filter((path) => !path.includes('/planted/'));
    assert.ok(sources.length > 100, `only ${sources.length} sources`);
    assert.deepEqual(
      sources.filter((path) => !cruised.has(path)),
      [],
    );
  });

  it('has its own libs followed to their sources, where the rules on paths see them', () => {
    const own = modules.flatMap((module) => module.dependencies).filter(({ module }) => module.startsWith('@waybill/'));
    assert.ok(own.length > 30, `only ${own.length} imports between workspaces`);
    assert.deepEqual(
      own.filter(({ module, resolved }) => !resolved.startsWith(`libs/${module.split('/')[1]}/src/`)),
      [],
    );
  });

  it('breaks no rule', () =>
    assert.deepEqual(
      summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
      [],
    ));
});

describe('a workspace', () => {
  const layers = { libs: ['layer:pure', 'layer:port', 'layer:edge', 'layer:test'], apps: ['layer:app'] } as const;
  const folders = (['libs', 'apps'] as const).flatMap((kind) =>
    readdirSync(join(root, kind)).map((name) => ({ kind, name, path: `${kind}/${name}` })),
  );
  const manifestOf = (path: string): Manifest => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Manifest;

  for (const { kind, name, path } of folders) {
    it(`${path} has its name and one layer`, () => {
      const { name: packageName, nx } = manifestOf(path);
      assert.equal(packageName, `@waybill/${name}`);
      assert.equal(
        nx?.tags?.filter((tag) => (layers[kind] as readonly string[]).includes(tag)).length,
        1,
        `tags of ${path}: ${nx?.tags?.join(' ')}`,
      );
    });
  }

  for (const { path } of folders.filter(({ kind }) => kind === 'libs')) {
    it(`${path} has one entrance, and at most a second for tests`, () => {
      const entrances = manifestOf(path).exports ?? {};
      assert.equal(entrances['.'], './src/index.ts');
      assert.deepEqual(
        Object.keys(entrances).filter((entrance) => entrance !== '.' && entrance !== './testing'),
        [],
      );
      for (const target of Object.values(entrances))
        assert.ok(existsSync(join(root, path, target)), `${path} exports ${target}, which does not exist`);
    });
  }

  const isStage = (name: string): boolean => !['gateway', 'api', 'cli'].includes(name); // These have no stream topology: they serve people.
  for (const { name, path } of folders.filter(({ kind, name }) => kind === 'apps' && isStage(name))) {
    it(`${path} can be read in one file, its topology, which is tested`, () => {
      for (const file of ['main.ts', 'topology.ts', 'topology.test.ts']) {
        assert.ok(existsSync(join(root, path, 'src', file)), `${path}/src/${file} is missing; ${name} is a stage on the log`);
      }
    });
  }
});
