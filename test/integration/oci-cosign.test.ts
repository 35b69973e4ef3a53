import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createCopier, createRegistryClient, type RegistryClient } from '@waybill/oci';
import { pushImage, randomImage } from '@waybill/testing';
import { execa } from 'execa';
import { startOciRegistry, type OciRegistry } from '../../infra/local/oci-registry.ts';
import { findProgram } from '../../infra/local/tools.ts';

// Goal: what cosign has signed at one registry, it verifies at the other one after our copy; with a key of its own and nobody else's help.
const cosign = findProgram('cosign');
const isNeeded = process.env['CI'] === 'true';
const skip = cosign === undefined && !isNeeded && 'cosign is not here; npm run tools -- cosign builds it';

/** How signatures lie beside an image: in a tag of its digest, or as a bundle that refers to it. */
const schemes = { 'a tag': false, 'a bundle among the referrers': true };

describe('an image that cosign has signed', { skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-cosign-'));
  const soon = () => AbortSignal.timeout(60_000);
  const copier = createCopier();
  let registries: readonly OciRegistry[] = [];
  let [source, target]: RegistryClient[] = [];

  const run = (...args: readonly string[]) => {
    assert.ok(cosign, 'npm run tools -- cosign comes before the tests');
    return execa(cosign, args, {
      env: { HOME: join(dir, 'home'), PATH: '', COSIGN_PASSWORD: 'of a key that signs nothing but this' },
      ...{ cwd: dir, extendEnv: false, all: true, reject: false, timeout: 60_000 },
    });
  };
  const verified = async (repository: string, digest: string, key = 'ours.pub') => {
    const image = `${registries[1]!.host}/${repository}@${digest}`;
    const { exitCode, all } = await run('verify', '--key', key, '--insecure-ignore-tlog', '--allow-http-registry', image);
    return { isVerified: exitCode === 0, all };
  };
  const signed = async (isBundle: boolean) => {
    const repository = `signed/${randomUUID()}`;
    const { digest } = await pushImage({ client: source!, repository, tag: 'v1' }, randomImage(), soon());
    const offline = ['--use-signing-config=false', '--tlog-upload=false', '--allow-http-registry'];
    const scheme = `--new-bundle-format=${isBundle}`;
    const { exitCode, all } = await run(
      ...['sign', '--yes', '--key', 'ours.key', ...offline, scheme, `${registries[0]!.host}/${repository}@${digest}`],
    );
    assert.equal(exitCode, 0, all);
    const copied = `copied/${repository}`;
    const places = { source: { client: source!, repository }, target: { client: target!, repository: copied } };
    return { copied, digest, request: { ...places, reference: 'v1', tag: 'v1', signal: soon() } };
  };

  before(async () => {
    registries = await Promise.all(['a', 'b'].map((name) => startOciRegistry({ name, dataDir: join(dir, name), port: 0 })));
    [source, target] = registries.map(({ host }, index) => createRegistryClient({ name: 'ab'[index]!, host, plainHttp: true }));
    mkdirSync(join(dir, 'home'));
    for (const name of ['ours', 'another']) {
      const { exitCode, all } = await run('generate-key-pair', '--output-key-prefix', name);
      assert.equal(exitCode, 0, all);
    }
  });
  after(async () => {
    for (const client of [source, target]) await client?.close();
    await Promise.all(registries.map(({ stop }) => stop()));
    rmSync(dir, { recursive: true, force: true });
  });

  for (const [where, isBundle] of Object.entries(schemes)) {
    it(`in ${where} verifies where it was copied to, by that key alone`, async () => {
      const { copied, digest, request } = await signed(isBundle);
      assert.equal((await copier.copy(request)).digest, digest);
      const { isVerified, all } = await verified(copied, digest);
      assert.ok(isVerified, all);
      assert.equal((await verified(copied, digest, 'another.pub')).isVerified, false);
    });

    it(`in ${where} does not verify after a copy that leaves the signature behind`, async () => {
      const { copied, digest, request } = await signed(isBundle);
      await copier.copy({ ...request, referrers: false });
      const { isVerified, all } = await verified(copied, digest);
      assert.equal(isVerified, false);
      assert.match(all, /no (matching )?signatures/i);
    });
  }
});
