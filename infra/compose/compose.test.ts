import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { kafkaSettings } from '../local/kafka.properties.ts';
import { renderOciRegistryConfig, type OciRegistryConfig } from '../local/oci-registry.config.ts';
import { localPorts } from '../local/stack-ports.ts';
import { goTools } from '../local/tools.ts';

// Goal: containers and a local start cannot drift apart unseen. No engine runs here: this is what can be held without one.
type Service = { image: string; ports: readonly string[]; environment: Readonly<Record<string, string | number>> };
type Compose = { services: Readonly<Record<string, Service>>; configs: Readonly<Record<string, { content: string }>> };

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8');
const compose = parse(read('compose.yaml')) as Compose;
const pom = read('../local/pom.xml');
const versionOf = (property: string): string | undefined => new RegExp(`<${property}>([^<]+)<`).exec(pom)?.[1];
const service = (name: string): Service => compose.services[name] ?? assert.fail(`no service ${name}`);
const ports = localPorts();

describe('the containers', () => {
  it('are of the versions that a local start brings', () => {
    assert.equal(service('kafka').image, `apache/kafka:${versionOf('kafka.version')}`);
    assert.equal(service('schema-registry').image, `apicurio/apicurio-registry:${versionOf('apicurio.version')}`);
    assert.equal(service('registry-a').image, `registry:${goTools.registry.split('@v')[1]}`);
    assert.equal(service('registry-b').image, service('registry-a').image);
  });

  it('have the addresses of a local start, on loopback alone', () => {
    assert.deepEqual(service('kafka').ports, [`127.0.0.1:${ports.kafka}:${ports.kafka}`]);
    assert.deepEqual(service('schema-registry').ports, [`127.0.0.1:${ports.schemaRegistry}:8080`]);
    assert.deepEqual(service('registry-a').ports, [`127.0.0.1:${ports.registryA}:5000`]);
    assert.deepEqual(service('registry-b').ports, [`127.0.0.1:${ports.registryB}:5000`]);
    assert.match(String(service('kafka').environment['KAFKA_ADVERTISED_LISTENERS']), new RegExp(`HOST://127.0.0.1:${ports.kafka},`));
  });

  it("share the broker's settings", () => {
    const local = kafkaSettings('', { port: ports.kafka, controllerPort: ports.kafkaController });
    const own = /^(listeners|advertised|listener\.|log\.dirs|controller\.quorum)/; // Addresses and paths differ inside a container.
    const shared = Object.entries(local).filter(([name]) => !own.test(name));
    assert.ok(shared.length > 15);
    for (const [name, value] of shared) {
      const variable = `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`;
      assert.equal(String(service('kafka').environment[variable]), String(value), variable);
    }
  });

  it('configure the registries alike', () => {
    const headers = { Authorization: 'Bearer ${WAYBILL_WEBHOOK_TOKEN:?set it to the content of .waybill/local/secrets/distribution}' };
    const url = `http://host.docker.internal:${ports.gateway}/v1/webhooks/distribution`;
    for (const [name, notifications] of [
      ['registry-a', { url, headers }],
      ['registry-b', undefined],
    ] as const) {
      const settings = { port: 5_000, storageDir: '/var/lib/registry', uploadSecret: '', ...(notifications && { notifications }) };
      const expected = { ...(parse(renderOciRegistryConfig(settings)) as OciRegistryConfig), http: { addr: ':5000' } };
      assert.deepEqual(parse(compose.configs[name]?.content ?? ''), expected);
    }
  });

  it('hold no secret of their own', () => assert.doesNotMatch(read('compose.yaml'), /Bearer (?!\$\{)/));
});
