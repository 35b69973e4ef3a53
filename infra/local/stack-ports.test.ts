import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appNames, freePorts, localPorts, type StackPorts } from './stack-ports.ts';

const all = ({ ops, ...ports }: StackPorts): number[] => [...Object.values(ports), ...Object.values(ops)];

describe("a stack's ports", () => {
  it('are the documented ones', () => {
    const { ops, ...ports } = localPorts();
    assert.deepEqual(ports, {
      kafka: 29_092,
      kafkaController: 29_093,
      schemaRegistry: 28_081,
      registryA: 25_001,
      registryB: 25_002,
      gateway: 28_080,
      api: 28_090,
    });
    assert.deepEqual(ops, Object.fromEntries(appNames.map((app, index) => [app, 28_100 + index])));
  });

  it('are all different, also when free ones are picked', async () => {
    for (const ports of [localPorts(), await freePorts()]) assert.equal(new Set(all(ports)).size, 7 + appNames.length);
  });

  it('are all shifted by the same', () =>
    assert.deepEqual(
      all(localPorts('700')),
      all(localPorts()).map((port) => port + 700),
    ));

  for (const shift of ['x', '1.5', '40000', '-30000']) {
    it(`refuse a shift of ${shift}`, () => assert.throws(() => localPorts(shift), /WAYBILL_PORT_BASE=.*whole number/));
  }
});
