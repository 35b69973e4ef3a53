import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { secretsFolder } from '../auth/cloud.fixture.ts';
import { createRegistryClient, type RegistryClient } from './client.ts';
import { httpAnswer, startScriptedServer } from './scripted-server.fixture.ts';

const signal = AbortSignal.timeout(30_000);
const get = {
  method: 'GET',
  repository: 'team/app',
  what: 'a blob',
  at: 'blobs/sha256:00',
  action: 'pull',
  expects: [200],
  signal,
} as const;
const credentialsIn = (head: string | undefined): readonly string[] =>
  head?.match(/^(authorization|cookie|proxy-authorization):.*$/gim) ?? [];

/** A registry with a password, whose answer to who has it is up to the test. */
async function start(
  test: TestContext,
  location: () => string,
): Promise<{ client: RegistryClient; heads: readonly string[]; host: string }> {
  const server = await startScriptedServer(test, ({ head, socket }) => {
    if (!/^authorization: basic/im.test(head)) socket.write(httpAnswer(401, { 'www-authenticate': 'Basic realm="r"' }));
    else if (head.startsWith('GET /own')) socket.write(httpAnswer(200, {}, 'own'));
    else socket.write(httpAnswer(307, { location: location(), 'set-cookie': 'session=1' }));
  });
  const passwordFile = secretsFolder(test).write('password', 'pw');
  const registry = { name: 'a', host: server.host, plainHttp: true, username: 'robot', passwordFile };
  const client = createRegistryClient(registry, { repeatMsMax: 0 });
  test.after(client.close);
  return { client, ...server };
}

describe('a redirect', () => {
  it('to another host, another port or another name of the same one takes no credentials along', async (test) => {
    const storage = await startScriptedServer(test, ({ socket }) => socket.write(httpAnswer(200, {}, 'bytes')));
    const port = storage.host.split(':')[1];
    for (const origin of [`http://${storage.host}`, `http://localhost:${port}`]) {
      const { client } = await start(test, () => `${origin}/blob?X-Amz-Signature=1`);
      const { body } = await client.send(get);
      assert.equal(await body.text(), 'bytes');
      assert.deepEqual(credentialsIn(storage.heads.at(-1)), []);
      assert.match(storage.heads.at(-1) ?? '', /^GET \/blob\?X-Amz-Signature=1 HTTP/);
    }
  });

  it('to the registry itself keeps them', async (test) => {
    const { client, heads } = await start(test, () => '/own?x=1');
    assert.equal(await (await client.send(get)).body.text(), 'own');
    assert.equal(credentialsIn(heads.at(-1)).length, 1);
  });

  it('to another host which redirects back takes them up again only at the registry', async (test) => {
    let back = '';
    const storage = await startScriptedServer(test, ({ socket }) => socket.write(httpAnswer(307, { location: back })));
    const { client, heads, host } = await start(test, () => `http://${storage.host}/away`);
    back = `http://${host}/own`;
    assert.equal(await (await client.send(get)).body.text(), 'own');
    assert.deepEqual([credentialsIn(storage.heads[0]).length, credentialsIn(heads.at(-1)).length], [0, 1]);
  });

  it('to another host that asks for a password gets none', async (test) => {
    const storage = await startScriptedServer(test, ({ socket }) =>
      socket.write(httpAnswer(401, { 'www-authenticate': 'Basic realm="give"' })),
    );
    const { client } = await start(test, () => `http://${storage.host}/blob`);
    await assert.rejects(client.send(get), { code: 'REGISTRY_UNAUTHORIZED' });
    assert.deepEqual(storage.heads.flatMap(credentialsIn), []);
    assert.equal(storage.heads.length, 1);
  });

  it('in a circle is followed five times', async (test) => {
    const { client, heads } = await start(test, () => '/again');
    await assert.rejects(client.send(get), { code: 'REDIRECT_REFUSED' });
    assert.equal(heads.length, 2 + 5, 'one for the challenge, one for its answer');
  });

  it('is not followed by what has a body', async (test) => {
    const { client, heads } = await start(test, () => '/own');
    const put = { ...get, method: 'PUT', at: 'manifests/v1', body: Buffer.from('{}'), expects: [201] } as const;
    await assert.rejects(client.send(put), { code: 'REGISTRY_PROTOCOL', status: 307 });
    assert.equal(heads.length, 2);
  });
});

describe('an upload that goes on at another host', () => {
  it('takes no credentials along, not even where it is asked for them', async (test) => {
    const storage = await startScriptedServer(test, ({ socket }) =>
      socket.write(httpAnswer(401, { 'www-authenticate': 'Basic realm="give"' })),
    );
    const { client } = await start(test, () => '/own');
    await (await client.send(get)).body.dump(); // From now on the password is sent at once.
    const put = { ...get, method: 'PUT', at: new URL(`http://${storage.host}/upload?state=1`), action: 'push', expects: [201] } as const;
    for (const body of [undefined, Buffer.from('x')])
      await assert.rejects(client.send(body ? { ...put, body } : put), { code: 'REGISTRY_UNAUTHORIZED' });
    assert.deepEqual(storage.heads.flatMap(credentialsIn), []);
    assert.equal(storage.heads.length, 2);
  });
});
