import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pushIndex, pushReferrer, randomImage } from '@waybill/testing';
import { startTwoRegistries, type TwoRegistries } from './image.fixture.ts';

const text = readFileSync(join(import.meta.dirname, '../../../../docs/images.md'), 'utf8');
const lines = [...text.matchAll(/^npx waybill image (.*)$/gm)].map(([, line]) => line!);

// Each stands on those before it, as for somebody who tries them in order.
describe('docs/images.md', () => {
  let registries: TwoRegistries;
  before(async () => {
    registries = await startTwoRegistries();
    const target = { client: registries.client.a, repository: 'demo/app', tag: '1.0' };
    const index = await pushIndex(target, [randomImage(), randomImage({ architecture: 'arm64' })]);
    await pushReferrer(target, { subject: index, artifactType: 'application/vnd.test.signature', payload: 'signed' });
  });
  after(() => registries.close());

  it('has a command of each kind', () => {
    for (const verb of ['inspect', 'copy', 'verify', 'diff']) assert.ok(lines.some((line) => line.startsWith(verb)));
  });

  for (const line of lines)
    it(`says what works: waybill image ${line}`, async () => {
      const args = line.replaceAll('127.0.0.1:25001/', 'A/').replaceAll('127.0.0.1:25002/', 'B/').split(' ');
      const { code, out, err } = await registries.image(...args);
      assert.equal(code, 0, out + err);
    });
});
