import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCopier, createRegistryClient, findManifestDigest, OciError, type CopyReport, type RegistryClient } from '@waybill/oci';
import { pushImage, randomImage } from '@waybill/testing';
import { startOciRegistry, type OciRegistry } from '../../infra/local/oci-registry.ts';
import { startByteProxy, type ByteFault, type ByteProxy, type Direction } from '../support/byte-proxy.ts';

// Goal: between two real registries, whatever becomes of the connections: a copy ends right, so that every byte can be read back, or it
// fails with a typed error; and never is there a tag with less than all of its image.
/** A tenth is more than the 1 MiB that a transfer has to gain between failures, with what a reset takes back. */
const layerBytes = 16 * 1_048_576;
const signal = AbortSignal.timeout(5 * 60_000);
const dir = mkdtempSync(join(tmpdir(), 'waybill-oci-faults-'));
const impatient = { answerMs: 1_500, idleMs: 1_500, triesMax: 6 };
const tenths = (direction: Direction): readonly ByteFault[] =>
  Array.from({ length: 9 }, (_, index) => ({ direction, kind: 'reset', atBytes: Math.floor((layerBytes * (index + 1)) / 10) }));

describe('a copy between two registries', () => {
  const options = (name: string, port = 0) => ({ name, dataDir: join(dir, name), port });
  let [source, target]: OciRegistry[] = [];
  let [down, up]: ByteProxy[] = [];
  /** Without a proxy, and through it. */
  let direct: readonly RegistryClient[] = [];
  let [from, to]: RegistryClient[] = [];
  let imagesCount = 0;
  const opened: RegistryClient[] = [];
  const clientOf = (host: string, more = {}): RegistryClient => {
    const client = createRegistryClient({ name: `r${host.split(':')[1]!}`, host, plainHttp: true }, { ...impatient, ...more });
    opened.push(client);
    return client;
  };

  before(async () => {
    [source, target] = await Promise.all([startOciRegistry(options('a')), startOciRegistry(options('b'))]);
    [down, up] = [await startByteProxy(source.host), await startByteProxy(target.host)];
    direct = [clientOf(source.host), clientOf(target.host)];
    [from, to] = [clientOf(down.host), clientOf(up.host)];
  });
  afterEach(() => {
    for (const proxy of [down!, up!]) proxy.fail([]);
  });
  after(async () => {
    await Promise.all(opened.map((client) => client.close()));
    await Promise.all([down, up].map((proxy) => proxy!.close()));
    await Promise.all([source, target].map((registry) => registry!.stop()));
    rmSync(dir, { recursive: true, force: true });
  });

  /** Copies an image of one large layer, which then is at the target with every byte, or with nothing. */
  async function copy(
    clients: { readonly from?: RegistryClient; readonly to?: RegistryClient } = {},
    onBytes: (bytesSent: number) => void = () => {},
  ): Promise<CopyReport | OciError> {
    const repository = `faults/app${imagesCount++}`;
    await pushImage({ client: direct[0]!, repository, tag: 'v1' }, randomImage({ layerBytes }), signal);
    const places = { source: { client: clients.from ?? from!, repository }, target: { client: clients.to ?? to!, repository } };
    let bytesSent = 0;
    const request = {
      ...places,
      ...{ reference: 'v1', tag: 'v1', signal },
      onProgress: (progress: { readonly kind: string; readonly bytes?: number }) => {
        if (progress.kind === 'bytes') onBytes((bytesSent += progress.bytes ?? 0));
      },
    };
    const outcome = await createCopier()
      .copy(request)
      .catch((error: Error) => error);
    if (outcome instanceof Error && !(outcome instanceof OciError)) throw outcome;
    const tagged = await findManifestDigest(direct[1]!, { repository, reference: 'v1' }, signal);
    if (outcome instanceof OciError && tagged === undefined) return outcome;
    const again = {
      ...request,
      source: { client: direct[0]!, repository },
      target: { client: direct[1]!, repository },
      verify: 'read',
    } as const;
    const { verified, bytesSent: bytesSentAgain } = await createCopier().copy(again);
    assert.deepEqual([verified?.how, bytesSentAgain], ['read', 0], 'what is tagged is not all there');
    return outcome;
  }
  const assertDone = (outcome: CopyReport | OciError): void =>
    assert.ok(!(outcome instanceof OciError), outcome instanceof Error ? outcome : undefined);
  const assertFailed = (outcome: CopyReport | OciError, ...codes: readonly string[]): void =>
    assert.ok(outcome instanceof OciError && codes.includes(outcome.code), outcome instanceof Error ? outcome : new Error('it went well'));

  it('goes on after a reset at every tenth of a layer, on its way out of the source', async () => {
    down!.fail(tenths('down'));
    assertDone(await copy());
    assert.equal(down!.hitsCount(), 9);
  });

  it('goes on after a reset at every tenth of a layer, on its way into the target', async () => {
    up!.fail(tenths('up'));
    assertDone(await copy());
    assert.equal(up!.hitsCount(), 9);
  });

  it('goes on after resets on both sides', async () => {
    down!.fail(tenths('down'));
    up!.fail(tenths('up'));
    assertDone(await copy());
    assert.deepEqual([down!.hitsCount(), up!.hitsCount()], [9, 9]);
  });

  it('goes on after a connection has fallen silent, on either side', async () => {
    down!.fail([{ direction: 'down', kind: 'stall', atBytes: layerBytes / 2 }]);
    up!.fail([{ direction: 'up', kind: 'stall', atBytes: layerBytes / 3 }]);
    assertDone(await copy());
    assert.deepEqual([down!.hitsCount(), up!.hitsCount()], [1, 1]);
  });

  it('fails with a typed error when a registry has become a black hole, and leaves no tag', async () => {
    const hasty = { answerMs: 300, idleMs: 300, triesMax: 1, repeatMsMax: 500 };
    const atBytes = layerBytes / 4;
    down!.fail([{ direction: 'down', kind: 'black-hole', atBytes }]);
    assertFailed(await copy({ from: clientOf(down!.host, hasty) }), 'REGISTRY_TIMEOUT');
    up!.fail([{ direction: 'up', kind: 'black-hole', atBytes }]);
    assertFailed(await copy({ to: clientOf(up!.host, hasty) }), 'REGISTRY_TIMEOUT');
  });

  it('waits out a storm of 429, and fails with a typed error when there is no end to it', async () => {
    const front = await startStorm(target!.host);
    const to = clientOf(front.host);
    front.refusalsLeft = 6;
    assertDone(await copy({ to }));
    assert.equal(front.refusalsLeft, 0);
    front.refusalsLeft = Infinity;
    assertFailed(await copy({ to: clientOf(front.host, { repeatMsMax: 500 }) }), 'REGISTRY_RATE_LIMITED');
    await front.close();
  });

  it('ends where it is told to: with no connection that carries a blob, no upload that waits and no tag', async () => {
    const repository = 'faults/ended';
    await pushImage({ client: direct[0]!, repository, tag: 'v1' }, randomImage({ layersCount: 3, layerBytes }), signal);
    const uploads = new Set<string>();
    const noting = (client: RegistryClient): RegistryClient => ({
      ...client,
      send(request) {
        if (request.at instanceof URL && request.method === 'PUT') uploads.add(request.at.href);
        return client.send(request);
      },
      ownedBy: (owner) => noting(client.ownedBy(owner)),
    });
    const [ended, reason, patient] = [new AbortController(), new Error('ended'), { answerMs: 60_000, idleMs: 60_000 }];
    const copying = createCopier().copy({
      source: { client: clientOf(down!.host, patient), repository },
      target: { client: noting(clientOf(up!.host, patient)), repository },
      ...{ reference: 'v1', tag: 'v1' },
      signal: ended.signal,
    });
    const carrying = (proxy: ByteProxy) => proxy.passedBytes().filter((bytes) => Math.max(bytes.up, bytes.down) > 100_000).length;
    while (carrying(down!) === 0 || carrying(up!) === 0) {
      signal.throwIfAborted();
      await sleep(1);
    }
    ended.abort(reason);
    await assert.rejects(copying, (error) => error === reason);
    while (carrying(down!) > 0 || carrying(up!) > 0) {
      signal.throwIfAborted();
      await sleep(5);
    }
    assert.ok(uploads.size > 0, 'nothing was under way');
    for (const upload of uploads) {
      const [at] = upload.replace(up!.host, target!.host).split('&digest=');
      assert.equal((await fetch(at!)).status, 404, 'an upload waits');
    }
    assert.equal(await findManifestDigest(direct[1]!, { repository, reference: 'v1' }, signal), undefined);
  });

  it('goes on, or fails with a typed error, when a registry is killed and started again', async () => {
    for (const victim of ['a', 'b'] as const) {
      const port = Number((victim === 'a' ? source! : target!).host.split(':')[1]);
      let restarted: Promise<OciRegistry> | undefined;
      const restart = async (): Promise<OciRegistry> => {
        await (victim === 'a' ? source! : target!).kill();
        return startOciRegistry(options(victim, port));
      };
      const clients = { from: direct[0]!, to: direct[1]! };
      const outcome = await copy(clients, (bytesSent) => {
        if (bytesSent > layerBytes / 4) restarted ??= restart();
      });
      assert.ok(restarted, 'nothing was killed');
      if (victim === 'a') source = await restarted;
      else target = await restarted;
      if (outcome instanceof OciError) assertFailed(outcome, 'REGISTRY_UNAVAILABLE', 'REGISTRY_TIMEOUT');
      assertDone(await copy(clients));
    }
  });
});

/** Refuses as many requests as it is told to, and hands all others on. */
async function startStorm(host: string): Promise<{ readonly host: string; refusalsLeft: number; readonly close: () => Promise<void> }> {
  const server: Server = createServer((request, response) => {
    if (storm.refusalsLeft > 0) {
      storm.refusalsLeft -= 1;
      request.resume();
      return void response.writeHead(429, { 'retry-after': '0' }).end();
    }
    const [hostname, port] = host.split(':');
    const { method = 'GET', url = '/', headers } = request;
    const passed = httpRequest({ hostname, port, method, path: url, headers }, (answer) => {
      answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
    });
    request.pipe(passed.on('error', () => response.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const storm = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    refusalsLeft: 0,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return storm;
}
