import { test } from 'node:test';

process.on('SIGTERM', () => {}); // Deaf to a polite request.
test('passes', () => {});
test('hangs', async () => {
  setInterval(() => {}, 1_000);
  await new Promise(() => {});
});
