import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommanderError } from 'commander';
import { fakeConsole } from './console.fixture.ts';
import { endWith } from './ending.ts';
import { CliError } from './exit.ts';

const ended = (error: unknown) => {
  const said = fakeConsole();
  return [endWith(error, said.console), said.err()] as const;
};

describe('a command that ends early', () => {
  it('says what is wrong and what to do next, with the code of the case', () => {
    assert.deepEqual(ended(new CliError(3, 'no API', 'Start it.')), [3, 'waybill: no API\nStart it.']);
    assert.deepEqual(ended(new CommanderError(1, 'x', 'said already')), [2, '']);
    assert.deepEqual(ended(new CommanderError(0, 'help', 'said already')), [0, '']);
  });

  it('never takes a fault of ours for an answer', () => {
    for (const fault of [new TypeError('x is undefined'), 'text', undefined]) {
      const [code, text] = ended(fault);
      assert.equal(code, 70);
      assert.match(text, /a fault of Waybill.+report it/);
    }
    assert.match(ended(new TypeError('x is undefined'))[1], /ending\.test\.ts/);
  });
});
