import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger } from './logger.ts';

const written = (write: (logger: ReturnType<typeof createLogger>) => void): string => {
  let lines = '';
  write(createLogger({ app: 'gateway', level: 'info', destination: { write: (line: string) => void (lines += line) } }));
  return lines;
};

describe('a log line', () => {
  it('is JSON with app, level name and ISO time', () => {
    const line = JSON.parse(written((log) => log.info({ correlationId: 'c1' }, 'received'))) as Record<string, unknown>;
    assert.deepEqual([line['app'], line['level'], line['correlationId'], line['msg']], ['gateway', 'info', 'c1', 'received']);
    assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT/);
  });

  it('holds no secret by name: not deep down, not in a list, not in an error, not in another case', () => {
    const secret = 'hunter2';
    const lines = written((log) => {
      log.info({ token: secret, a: { b: { c: { 'Set-Cookie': secret, list: [{ apiKey: secret }] } } } });
      log.info({ headers: { Authorization: secret, 'x-hub-signature-256': secret } });
      log.error(Object.assign(new Error('refused'), { password: secret, request: { headers: { authorization: secret } } }));
      log.error({ err: Object.assign(new Error('refused'), { clientSecret: secret }) });
      log.child({ secret }).info('child');
    });
    assert.doesNotMatch(lines, /hunter2/);
    assert.equal(lines.match(/refused/g)?.length, 6, 'message, stack and msg of the first error, message and stack of the second, msg');
  });

  it('is bounded: depth, lists and buffers are cut', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const lines = written((log) => log.info({ circular, body: Buffer.alloc(1_000_000), many: Array(10_000).fill('x') }));
    assert.ok(lines.length < 2_000, `${lines.length}`);
    assert.match(lines, /\[1000000 bytes\]/);
  });
});
