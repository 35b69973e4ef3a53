import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { rawRefusal, refusalBodies, refusals, type RefusalCode } from './refusals.ts';

const codes = Object.keys(refusals) as RefusalCode[];

describe('the refusals', () => {
  it('are all in the page of the HTTP API, with their statuses, and no other is', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/gateway.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (\d{3}) \| `([A-Z_]+)` \|$/gm)].map(([, status, code]) => `${status} ${code}`);
    assert.deepEqual(rows, codes.map((code) => `${refusals[code].status} ${code}`)); // prettier-ignore
  });

  it('say what is wrong and what to do next', () => {
    for (const code of codes) {
      const body = JSON.parse(refusalBodies[code]) as Record<string, string>;
      assert.deepEqual(Object.keys(body), ['code', 'message', 'next']);
      assert.ok(body['message']!.length > 10 && body['next']!.endsWith('.'), code);
    }
  });

  it('are whole answers also where there is no request', () => {
    for (const code of codes) {
      const [head = '', body = ''] = rawRefusal(code).split('\r\n\r\n');
      assert.match(head, new RegExp(`^HTTP/1.1 ${refusals[code].status} [A-Z]`));
      assert.equal(body, refusalBodies[code]);
      assert.match(head, new RegExp(`content-length: ${Buffer.byteLength(body)}\r\nconnection: close$`));
    }
  });
});
