import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Type } from 'typebox';
import { ConfigError, configTable, loadConfig } from './config.ts';

const Config = Type.Object({
  HTTP_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 28_080, description: 'Where webhooks come in.' }),
  KAFKA_BROKERS: Type.String({ minLength: 1, description: 'Comma-separated host:port list.' }),
  WEBHOOK_TOKEN: Type.String({ minLength: 16 }),
  LOG_LEVEL: Type.Enum(['info', 'debug'], { default: 'info' }),
  STRICT: Type.Boolean({ default: false }),
});
const right = { KAFKA_BROKERS: 'localhost:9092', WEBHOOK_TOKEN: 'sixteen-letters!' };

const messageOf = (env: Record<string, string>): string => {
  try {
    loadConfig(Config, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return assert.fail('nothing was refused');
};

describe('the configuration from the environment', () => {
  it('takes texts as the types that the schema wants, and defaults for the rest', () => {
    assert.deepEqual(loadConfig(Config, { ...right, HTTP_PORT: '8080', STRICT: 'true', PATH: '/bin' }), {
      ...right,
      HTTP_PORT: 8080,
      STRICT: true,
      LOG_LEVEL: 'info',
    });
  });

  it('takes an empty variable as an unset one', () => assert.equal(loadConfig(Config, { ...right, HTTP_PORT: '' }).HTTP_PORT, 28_080));

  it('names every fault at once', () => {
    const message = messageOf({ HTTP_PORT: '70000', LOG_LEVEL: 'loud', STRICT: 'yes', WEBHOOK_TOKEN: 'short' });
    for (const name of ['HTTP_PORT', 'KAFKA_BROKERS', 'LOG_LEVEL', 'STRICT', 'WEBHOOK_TOKEN']) assert.match(message, new RegExp(name));
    assert.match(message, /KAFKA_BROKERS is required \(Comma-separated/);
    assert.match(message, /LOG_LEVEL must be one of: info, debug/);
  });

  it('does not round: 1.5 is no port', () => assert.match(messageOf({ ...right, HTTP_PORT: '1.5' }), /HTTP_PORT must be integer/));

  it('never shows a value, for it may be a secret', () => {
    assert.doesNotMatch(messageOf({ ...right, WEBHOOK_TOKEN: 'hunter2', HTTP_PORT: 'hunter3' }), /hunter/);
  });

  it('prints its own documentation', () => {
    const table = configTable(Config);
    assert.match(table, /\| `HTTP_PORT` \| integer 0\.\.65535 \| `28080` \| Where webhooks come in\. \|/);
    assert.match(table, /\| `LOG_LEVEL` \| info, debug \| `"info"` \|/);
    assert.match(table, /\| `WEBHOOK_TOKEN` \| string \| \*required\* \|/);
  });
});
