import { before, describe, it } from 'node:test';

describe('suite', () => {
  before(() => {
    throw new Error('no server', { cause: new Error('port in use') });
  });
  it('never runs', () => {});
});
