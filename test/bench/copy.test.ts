import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '@waybill/oci';
import { findMissing } from './copy-arrived.ts';
import { parseAccessLog } from './copy-registry.ts';
import { kindOf } from './copy-requests.ts';

const digest = digestOf(Buffer.from('x'));

describe('the bench of copies', () => {
  it('counts requests by kind, without its own probe', () => {
    const line = (request: string, status: number, agent: string) =>
      `127.0.0.1 - - [1/1/2026] "${request} HTTP/1.1" ${status} 2 "" "${agent}"`;
    const log = [
      line('GET /v2/', 200, 'node'),
      line('GET /v2/', 200, 'crane'),
      line(`HEAD /v2/a/b/blobs/${digest}`, 404, 'waybill'),
      line(`POST /v2/a/b/blobs/uploads/?mount=${digest}&from=c`, 202, 'waybill'),
      line('PUT /v2/a/b/manifests/v1', 201, 'waybill'),
      line(`GET /v2/a/b/manifests/${digest}`, 200, 'waybill'),
    ].join('\n');
    assert.deepEqual(parseAccessLog(log).map(kindOf), ['GET ping', 'HEAD blob 404', 'POST mount', 'PUT tag', 'GET manifest']);
  });

  it('misses a blob without its bytes, and a tag that points elsewhere', () => {
    const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-copy-'));
    try {
      const holding = { repository: 'a', blobs: new Set([digest]), manifests: new Set<typeof digest>(), tags: new Map([['v1', digest]]) };
      const missing = () => findMissing(dir, { images: [], holdings: [holding] }, false);
      const write = (path: string, text: string): void => {
        const place = join(dir, 'docker/registry/v2', path);
        mkdirSync(dirname(place), { recursive: true });
        writeFileSync(place, text);
      };
      const hex = digest.slice('sha256:'.length);
      const [blob, tag] = [`a: ${digest}`, 'a: v1'];
      assert.deepEqual(missing(), [blob, tag]);
      write(`repositories/a/_layers/sha256/${hex}/link`, digest);
      write('repositories/a/_manifests/tags/v1/current/link', digestOf(Buffer.from('y')));
      assert.deepEqual(missing(), [blob, tag]);
      write(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, 'x');
      write('repositories/a/_manifests/tags/v1/current/link', digest);
      assert.deepEqual(missing(), []);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
