import { test } from 'node:test';

test('passes', () => {});
process.exitCode = 3;
