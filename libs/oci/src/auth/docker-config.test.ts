import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { secretsFolder } from './cloud.fixture.ts';
import { dockerSource, findEntry, parseDockerConfig } from './docker-config.ts';
import type { Credentials } from './credentials.ts';

const signal = AbortSignal.timeout(30_000);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const entryOf = (auths: object, host: string): Credentials | undefined =>
  findEntry(parseDockerConfig(JSON.stringify({ auths }), host), host);
const robot = { kind: 'password', username: 'robot', password: 'pass:word' };

describe("docker's config.json", () => {
  it('has a password in base64, or in two fields', () => {
    assert.deepEqual(entryOf({ 'r.example': { auth: base64('robot:pass:word') } }, 'r.example'), robot);
    assert.deepEqual(entryOf({ 'r.example': { auth: base64('robot:pass:word\0\0') } }, 'r.example'), robot);
    assert.deepEqual(entryOf({ 'r.example': { username: 'robot', password: 'pass:word' } }, 'r.example'), robot);
  });

  it('has tokens too, which go before the password', () => {
    const auth = base64('00000000-0000-0000-0000-000000000000:');
    assert.deepEqual(entryOf({ 'r.example': { auth, identitytoken: 'it' } }, 'r.example'), { kind: 'identity-token', token: 'it' });
    assert.deepEqual(entryOf({ 'r.example': { auth, registrytoken: 'rt' } }, 'r.example'), { kind: 'access-token', token: 'rt' });
  });

  it('knows a host by the names of all times, and no other', () => {
    const entry = { auth: base64('robot:pass:word') };
    for (const name of ['r.example:5000', 'https://r.example:5000', 'https://r.example:5000/v2/', 'http://r.example:5000'])
      assert.deepEqual(entryOf({ [name]: entry }, 'r.example:5000'), robot, name);
    for (const name of ['r.example', 'r.example:50000', 'https://r.example:5000.evil.example', 'xr.example:5000'])
      assert.equal(entryOf({ [name]: entry }, 'r.example:5000'), undefined, name);
    assert.equal(entryOf({}, 'constructor'), undefined);
  });

  it('knows Docker Hub by the key of its first days', () => {
    const auths = { 'https://index.docker.io/v1/': { auth: base64('robot:pass:word') } };
    for (const host of ['docker.io', 'registry-1.docker.io']) assert.deepEqual(entryOf(auths, host), robot);
    assert.equal(entryOf(auths, 'r.example'), undefined);
  });

  it('lies where docker login leaves it, and need not be there unless it is named', async (test) => {
    const { path, write } = secretsFolder(test);
    const source = dockerSource(undefined, { DOCKER_CONFIG: path });
    assert.equal(await source.find('r.example', signal), undefined);
    write('config.json', JSON.stringify({ auths: { 'r.example': { auth: base64('robot:pass:word') } } }));
    assert.deepEqual(await source.find('r.example', signal), robot);
    const named = dockerSource(`${path}/other.json`, {}).find('r.example', signal);
    await assert.rejects(named, { code: 'REGISTRY_UNAUTHORIZED', message: /configFile .*\(ENOENT\)/ });
  });

  it('may be anything: what is unreadable is told and never quoted', () => {
    assert.equal(entryOf({ 'r.example': {} }, 'r.example'), undefined);
    for (const text of ['', '[]', '{"auths":{"r.example":{"auth":"aHVudGVyMg=="}}}', 'hunter2'])
      assert.throws(
        () => findEntry(parseDockerConfig(text, 'r.example'), 'r.example'),
        (error: Error) => /log in again/.test(error.message) && !/hunter2|aHVudGVyMg/.test(`${error.message}${error.stack}`),
      );
  });
});

describe('a credential helper', () => {
  /** The helper is a real program: it writes down what it was given. */
  const start = (test: TestContext, script: string, config: object) => {
    const { path, write } = secretsFolder(test);
    write('docker-credential-fake', `#!/bin/sh\n${script}\n`);
    const file = write('config.json', JSON.stringify(config));
    return dockerSource(file, { PATH: `${path}:/usr/bin:/bin`, SECRETS: path });
  };
  const answer = (username: string, secret: string) =>
    `read -r server || true; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"${username}\\",\\"Secret\\":\\"${secret}\\"}"`;

  it('is asked for its host before the store is, and before the file', async (test) => {
    const auths = { 'r.example': { auth: base64('file:file') } };
    const source = start(test, answer('robot', 'pass:word'), { auths, credHelpers: { 'r.example': 'fake' }, credsStore: 'missing' });
    assert.deepEqual(await source.find('r.example', signal), robot);
  });

  it('gives an identity token under a name of its own, and is asked for Docker Hub by its key', async (test) => {
    const script = `read -r server || true
      [ "$server" = https://index.docker.io/v1/ ] && [ "$1" = get ] && echo '{"Username":"<token>","Secret":"it"}'`;
    assert.deepEqual(await start(test, script, { credsStore: 'fake' }).find('docker.io', signal), { kind: 'identity-token', token: 'it' });
  });

  it('may have none; then the file is asked', async (test) => {
    const auths = { 'r.example': { auth: base64('robot:pass:word') } };
    const source = start(test, 'echo "credentials not found in native keychain"; exit 1', { auths, credsStore: 'fake' });
    assert.deepEqual(await source.find('r.example', signal), robot);
    assert.equal(await source.find('other.example', signal), undefined);
  });

  it('fails typed, and what it prints is never told', async (test) => {
    const rows = [
      ['echo hunter2; echo hunter2 >&2; exit 3', 'CREDENTIALS_UNAVAILABLE'],
      ['echo hunter2', 'REGISTRY_UNAUTHORIZED'],
      ['echo \'{"Username":"hunter2"}\'', 'REGISTRY_UNAUTHORIZED'],
      ['while :; do echo hunter2hunter2hunter2hunter2hunter2; done', 'REGISTRY_UNAUTHORIZED'],
    ] as const;
    for (const [script, code] of rows) {
      const finding = start(test, script, { credsStore: 'fake' }).find('r.example', signal);
      await assert.rejects(
        finding,
        (error: Error & { code: string }) => error.code === code && !JSON.stringify([error, error.stack]).includes('hunter2'),
      );
    }
  });

  it('is run by its bare name or not at all', async (test) => {
    for (const name of ['../fake', 'fake; touch pwned', '-x', ''])
      await assert.rejects(start(test, 'exit 0', { credHelpers: { 'r.example': name } }).find('r.example', signal), {
        code: 'REGISTRY_UNAUTHORIZED',
        message: /^the name of the credential helper /,
      });
    const missing = start(test, 'exit 0', { credsStore: 'not-installed' }).find('r.example', signal);
    await assert.rejects(missing, {
      code: 'REGISTRY_UNAUTHORIZED',
      message: /docker-credential-not-installed cannot be run \(ENOENT\): install it/,
    });
  });

  it('is not waited for without an end, and ends with the signal', async (test) => {
    const { path, write } = secretsFolder(test);
    write('docker-credential-fake', '#!/bin/sh\nexec sleep 60\n');
    const call = { name: 'fake', server: 'r.example', host: 'r.example', env: { PATH: `${path}:/usr/bin:/bin` } };
    const { askHelper } = await import('./credential-helper.ts');
    await assert.rejects(askHelper({ ...call, timeoutMs: 100, signal }), { code: 'CREDENTIALS_UNAVAILABLE', message: /took longer/ });
    const reason = new Error('revoked');
    const controller = new AbortController();
    const asking = askHelper({ ...call, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(asking, (error) => error === reason);
  });
});
