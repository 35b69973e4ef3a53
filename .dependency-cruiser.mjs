const pure = '^libs/(domain|policy-engine|webhook-sources|transparency-log)/src/';
const edge = '^libs/(kafka|state-store|oci|scanners|app-kit)/src/';
const tests = '([.]test|/testing|/[a-z-]+[.]fixture)[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
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
      to: { path: 'node_modules/', pathNot: 'node_modules/(picomatch|typebox|@types)/' },
    },
    { name: 'core-imports-core', severity: 'error', from: { path: pure, pathNot: tests }, to: { path: '^libs/', pathNot: pure } },
    { name: 'port-knows-no-client', severity: 'error', from: { path: '^libs/stream/src/', pathNot: tests }, to: { path: edge } },
    { name: 'libs-know-no-app', severity: 'error', from: { path: '^libs/' }, to: { path: '^(apps|test|infra)/' } },
    { name: 'apps-meet-only-in-topics', severity: 'error', from: { path: '^apps/([^/]+)/' }, to: { path: '^apps/', pathNot: '^apps/$1/' } },
    {
      name: 'apps-are-not-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/testing/', tests] },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'kafka-client-in-one-place',
      severity: 'error',
      from: { pathNot: '^(libs/kafka|test)/' },
      to: { path: 'node_modules/(kafkajs|avsc|@kafkajs)/' },
    },
    { name: 'lmdb-in-one-place', severity: 'error', from: { pathNot: '^(libs/state-store|test)/' }, to: { path: 'node_modules/lmdb/' } },
    {
      name: 'processes-in-one-place',
      severity: 'error',
      from: { pathNot: '^(libs/scanners|libs/testing|infra|test)/' },
      to: { path: ['node_modules/execa/', '^(node:)?child_process$'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)planted/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
