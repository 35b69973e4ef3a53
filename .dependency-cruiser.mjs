import { readdirSync, readFileSync } from 'node:fs';

/** Libs of a layer, by the tag in their package.json: a new lib falls under the rules by its tag. */
const libsOf = (layer) =>
  readdirSync(new URL('libs/', import.meta.url)).filter((name) => {
    const { nx } = JSON.parse(readFileSync(new URL(`libs/${name}/package.json`, import.meta.url), 'utf8'));
    return nx.tags.includes(`layer:${layer}`);
  });
const sourcesOf = (layer) => `^libs/(${libsOf(layer).join('|')})/src/`;

const pure = sourcesOf('pure');
const port = sourcesOf('port');
const edge = sourcesOf('edge');
const tests = '([.]test|/testing|/[a-z-]+[.]fixture)[.]ts$';
const product = { path: '^(apps|libs)/', pathNot: ['^libs/testing/', tests] };

/**
 * Each rule is proven by a file named after it in `test/architecture/planted/`.
 * @type {import('dependency-cruiser').IConfiguration}
 */
export default {
  forbidden: [
    {
      name: 'core-has-no-io',
      severity: 'error',
      from: { path: pure, pathNot: tests },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer)$' },
    },
    {
      name: 'core-has-no-packages',
      severity: 'error',
      from: { path: pure, pathNot: tests },
      to: { path: 'node_modules/', pathNot: 'node_modules/(@marcbachmann/cel-js|picomatch|semver|typebox|@types)/' },
    },
    { name: 'core-imports-core', severity: 'error', from: { path: pure, pathNot: tests }, to: { path: '^libs/', pathNot: pure } },
    { name: 'port-knows-no-client', severity: 'error', from: { path: port, pathNot: tests }, to: { path: edge } },
    { name: 'libs-know-no-app', severity: 'error', from: { path: '^libs/' }, to: { path: '^(apps|test|infra)/' } },
    { name: 'apps-meet-only-in-topics', severity: 'error', from: { path: '^apps/([^/]+)/' }, to: { path: '^apps/', pathNot: '^apps/$1/' } },
    { name: 'apps-are-not-tests', severity: 'error', from: product, to: { path: '^libs/testing/' } },
    {
      name: 'one-entrance-per-lib',
      severity: 'error',
      from: { path: '^((?:apps|libs)/[^/]+/|infra/|schemas/)' },
      to: { path: '^libs/', pathNot: ['^$1', '^libs/[^/]+/src/(index|testing)[.]ts$'] },
    },
    {
      name: 'kafka-client-in-one-place',
      severity: 'error',
      from: { pathNot: '^(libs/kafka|test)/' },
      to: { path: 'node_modules/(kafkajs|avsc|@kafkajs)/' },
    },
    {
      name: 'processes-in-one-place',
      severity: 'error',
      // Docker's credential helpers are programs, and so is what unwraps keys; tests kill some.
      from: {
        pathNot: [
          '^(libs/scanners|libs/testing|infra|test)/',
          '^libs/oci/src/auth/credential-helper[.]ts$',
          '^libs/config/src/key-command[.]ts$',
          '^(libs/state-store|apps/(gateway|cli))/src/.+[.]test[.]ts$',
        ],
      },
      to: { path: ['node_modules/execa/', '^(node:)?child_process$'] },
    },
    // What is installed by chance, as somebody else's dependency, is gone by chance.
    { name: 'packages-are-declared', severity: 'error', from: {}, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] } },
    {
      name: 'product-runs-without-dev-packages',
      severity: 'error',
      from: product,
      to: { dependencyTypes: ['npm-dev'], pathNot: '@types/' },
    },
    // What does not resolve is matched by no rule above: a missing export or package would pass all of them in silence.
    { name: 'everything-resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: true, // Packages are declared once, in the root.
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)planted/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
