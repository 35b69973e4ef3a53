import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import tseslint from 'typescript-eslint';

const isPure = (manifest) => JSON.parse(readFileSync(manifest, 'utf8')).nx.tags.includes('layer:pure');
const pureFolders = globSync('libs/*/package.json', { cwd: import.meta.dirname })
  .filter((path) => isPure(`${import.meta.dirname}/${path}`))
  .map(dirname);

/** What makes two runs differ, or reaches out of the function: in the pure layer it comes in as an argument. */
const impureGlobals = ['process', 'performance', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const impureCalls = [
  ['CallExpression[callee.object.name="Date"][callee.property.name="now"]', 'Date.now'],
  ['NewExpression[callee.name="Date"][arguments.length=0]', 'new Date()'],
  ['CallExpression[callee.object.name="Math"][callee.property.name="random"]', 'Math.random'],
  ['ImportSpecifier[imported.name=/^(random|generateKey|getRandom)/]', 'randomness of node:crypto'],
  ['MemberExpression[property.name=/^(randomUUID|randomBytes|randomInt|getRandomValues)$/]', 'randomness of node:crypto'],
];

/** Only what the compiler cannot see: forgotten promises, unsafe any, dead conditions. Layout belongs to prettier. */
export default tseslint.config(
  { ignores: ['node_modules/', '.waybill/', '.nx/', '**/planted/', '**/*.mjs', '**/*.js', '**/*.generated.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite', 'before', 'after'] }],
        },
      ],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An async function without await still turns a throw into a rejection: that is what ports promise.
      '@typescript-eslint/require-await': 'off',
      // Ports are records of closures, made by functions: no method of ours needs its `this`.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: ['apps/cli/**/*.ts', 'infra/**/*.ts', 'test/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: pureFolders.map((folder) => `${folder}/src/**/*.ts`),
    ignores: ['**/*.test.ts', '**/*.fixture.ts', '**/testing.ts'],
    rules: {
      'no-restricted-globals': ['error', ...impureGlobals.map((name) => ({ name, message: 'The pure layer takes it as an argument.' }))],
      'no-restricted-syntax': [
        'error',
        ...impureCalls.map(([selector, name]) => ({ selector, message: `${name}: the pure layer takes it as an argument.` })),
      ],
    },
  },
);
