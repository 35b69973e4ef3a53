import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadRegistries } from './load-registries.ts';
import { createRegistryClients, findRegistry } from './registries.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-oci-'));
after(() => rmSync(folder, { recursive: true }));
const load = (text: string, env: NodeJS.ProcessEnv = {}) => {
  const path = join(folder, 'registries.yaml');
  writeFileSync(path, text);
  return loadRegistries(path, env);
};

describe('registries.yaml', () => {
  it('as it ships names the two local registries, which the environment may move', async () => {
    const shipped = join(import.meta.dirname, '../../../../config/registries.yaml');
    const hosts = async (env: NodeJS.ProcessEnv) =>
      (await loadRegistries(shipped, env)).map(({ name, host, plainHttp }) => [name, host, plainHttp]);
    assert.deepEqual(await hosts({}), [
      ['a', '127.0.0.1:25001', true],
      ['b', '127.0.0.1:25002', true],
    ]);
    assert.deepEqual((await hosts({ REGISTRY_B_HOST: '127.0.0.1:9' }))[1], ['b', '127.0.0.1:9', true]);
  });

  it('is TLS unless it says otherwise', async () =>
    assert.equal((await load('registries: [{ name: a, host: r.example }]'))[0]?.plainHttp, false));

  it('is refused with all its faults at once', async () => {
    const text = 'registries: [{ name: A, host: r.example }, { name: b, host: "https://r.example" }, { name: c, host: r, typo: 1 }]';
    await assert.rejects(load(text), ({ message }: Error) =>
      ['registries.0.name', 'registries.1.host', 'registries.2.typo'].every((path) => message.includes(path)),
    );
    const half = 'registries: [{ name: a, host: r, username: u }, { name: a, host: s }, { name: c, host: "s:99999" }]';
    await assert.rejects(load(half), ({ message }: Error) =>
      ['need each other', 'name a is there twice', 'no host'].every((fault) => message.includes(fault)),
    );
  });

  it('names where credentials come from, of one kind and in one way', async () => {
    const kinds = [
      '{ kind: docker }',
      '{ kind: docker, configFile: /run/config.json }',
      '{ kind: helper, helper: ecr-login }',
      '{ kind: ecr, region: eu-central-1 }',
      '{ kind: gar, keyFile: /run/key.json }',
      '{ kind: acr, tenantId: t, clientId: c, clientSecretFile: /run/secret }',
    ];
    for (const kind of kinds) {
      const [registry] = await load(`registries: [{ name: a, host: r.example, credentials: ${kind} }]`);
      assert.match(kind, new RegExp(`kind: ${registry?.credentials?.kind}\\b`));
    }
    const refused = [
      '{ kind: vault }',
      '{ kind: helper }',
      '{ kind: helper, helper: ../sh }',
      '{ kind: gar, region: x }',
      '{ kind: docker, password: x }',
    ];
    for (const kind of refused)
      await assert.rejects(
        async () => load(`registries: [{ name: a, host: r.example, credentials: ${kind} }]`),
        /registries\.0\.credentials/,
        kind,
      );
    const both = 'registries: [{ name: a, host: r.example, username: u, passwordFile: f, credentials: { kind: docker } }]';
    await assert.rejects(async () => load(both), /one of them is enough/);
    await assert.rejects(
      async () => load('registries: [{ name: a, host: r.example, certFile: f }]'),
      /certFile and keyFile need each other/,
    );
  });
});

describe('registry clients', () => {
  const registries = [{ name: 'a', host: 'docker.io', apiHost: 'registry-1.docker.io' }];

  it('are found by name or by host', () => {
    assert.equal(findRegistry(registries, { name: 'a' })?.host, 'docker.io');
    assert.equal(findRegistry(registries, { host: 'docker.io' })?.name, 'a');
    assert.equal(findRegistry(registries, { host: 'registry-1.docker.io' }), undefined);
  });

  it('say where to configure a registry that is not known, and that no try can help', async () => {
    const clients = createRegistryClients(registries);
    assert.equal(clients.forName('a'), clients.forHost('docker.io'));
    assert.throws(() => clients.forHost('evil.example'), {
      code: 'REGISTRY_NOT_CONFIGURED',
      retry: false,
      message: /config\/registries\.yaml/,
    });
    await clients.close();
  });
});
