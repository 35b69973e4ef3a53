import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kafkaSettings, renderProperties } from './kafka.properties.ts';

const settings = kafkaSettings('/data', { port: 29_092, controllerPort: 29_093 });

describe("the local broker's settings", () => {
  it('open loopback listeners only', () => {
    for (const name of ['listeners', 'advertised.listeners', 'controller.quorum.bootstrap.servers']) {
      for (const host of String(settings[name]).matchAll(/(?:\/\/|^|,)([^:,/]+):\d/g)) assert.equal(host[1], '127.0.0.1', name);
    }
  });

  it('never make a topic that nobody declared', () => assert.equal(settings['auto.create.topics.enable'], 'false'));

  it('keep every internal topic in the one copy that a single broker can hold', () => {
    for (const [name, value] of Object.entries(settings)) {
      if (/replication\.factor$|min\.isr$|min\.insync/.test(name)) assert.equal(value, 1, name);
    }
  });

  it('take records up to 4 MiB', () => assert.equal(settings['message.max.bytes'], 4_194_304));
});

describe('rendered properties', () => {
  it('are one line each', () => assert.equal(renderProperties({ a: 1, 'b.c': 'x,y' }), 'a=1\nb.c=x,y\n'));
  it('keep backslashes, which Java would read as escapes', () => assert.equal(renderProperties({ dir: 'C:\\data' }), 'dir=C:\\\\data\n'));
});
