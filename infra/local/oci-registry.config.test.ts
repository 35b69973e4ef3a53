import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { renderOciRegistryConfig, type OciRegistryConfig } from './oci-registry.config.ts';

const settings = { port: 25_001, storageDir: '/data/storage', uploadSecret: 'u' };
const notifications = { url: 'http://127.0.0.1:28080/v1/webhooks/distribution', headers: { Authorization: 'Bearer: "x" #' } };
const render = (given: Parameters<typeof renderOciRegistryConfig>[0]) => parse(renderOciRegistryConfig(given)) as OciRegistryConfig;

describe("the registry's configuration", () => {
  it('listens on loopback and lets images be deleted', () => {
    const { http, storage } = render(settings);
    assert.equal(http.addr, '127.0.0.1:25001');
    assert.deepEqual(storage, { filesystem: { rootdirectory: '/data/storage' }, delete: { enabled: true } });
  });

  it('tells nobody unless asked to', () => assert.equal(render(settings).notifications, undefined));

  it('sends its header as given, whatever it is made of', () =>
    assert.deepEqual(render({ ...settings, notifications }).notifications?.endpoints[0]?.headers, { Authorization: ['Bearer: "x" #'] }));

  it('gives the gateway more time than the default second, and asks again soon', () => {
    const endpoint = render({ ...settings, notifications }).notifications?.endpoints[0];
    assert.deepEqual([endpoint?.timeout, endpoint?.backoff], ['5s', '500ms']);
  });
});
