import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { readCircuits } from './circuits.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** The ops server of an app, or of what is none. */
async function opsOf(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const says =
  (answer: unknown): RequestListener =>
  ({ url }, response) =>
    response.writeHead(url === '/circuits' ? 200 : 404).end(typeof answer === 'string' ? answer : JSON.stringify(answer));

const circuit = (host: string, openSinceMs: number) => ({ kind: 'copy', host, state: 'open', openSinceMs });

describe('the circuits of running apps', () => {
  it('are told by them, the longest open first', async () => {
    const urls = [
      await opsOf(says({ app: 'replicator', circuits: [circuit('b.example', 20), circuit('c.example', 40)] })),
      await opsOf(says({ app: 'scanner', circuits: [circuit('a.example', 30)] })),
    ];
    const { asked, unanswered, open } = await readCircuits(urls);
    assert.deepEqual([asked, unanswered], [2, []]);
    const told = open.map(({ app, host }) => `${app} ${host}`);
    assert.deepEqual(told, ['replicator b.example', 'scanner a.example', 'replicator c.example']);
  });

  it('are not known where nobody is asked', async () => assert.deepEqual(await readCircuits([]), { asked: 0, unanswered: [], open: [] }));

  const away = async (): Promise<string> => {
    const url = await opsOf(says(''));
    closing.pop()!();
    return url;
  };
  const elsewhere = async (): Promise<string> => {
    const location = `${await opsOf(says({ app: 'x', circuits: [] }))}/circuits`;
    return opsOf((_, response) => response.writeHead(302, { location }).end());
  };
  for (const [what, start] of [
    ['is not there', away],
    ['does not come to an end', () => opsOf((_, response) => void response.writeHead(200).write('{'))],
    ['is no JSON', () => opsOf(says('<html>'))],
    ['is of another shape', () => opsOf(says({ app: 'x', circuits: [{ ...circuit('h', 1), openSinceMs: 'yesterday' }] }))],
    ['is too long', () => opsOf(says({ app: 'x', circuits: [], more: 'x'.repeat(300_000) }))],
    ['leads elsewhere', elsewhere],
  ] as const)
    it(`are not known of an app whose answer ${what}, which is named`, async () => {
      const [bad, good] = [await start(), await opsOf(says({ app: 'scanner', circuits: [circuit('a.example', 30)] }))];
      const { asked, unanswered, open } = await readCircuits([bad, good], 300);
      assert.deepEqual([asked, unanswered, open.length], [2, [bad], 1]);
    });
});
