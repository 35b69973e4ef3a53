import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';

console.log('said by the file');
test('plain', () => {});
test('parent', async (t) => {
  await t.test('good child', () => {});
  await t.test('bad child', () => assert.equal(1, 2));
});
describe('suite', () => {
  it('good', () => {});
  it('not here', (t) => t.skip('no docker on this machine'));
});
describe('empty suite', () => {});
