import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repositoryKey, topics, type Digest, type EventOf, type ImagePushed } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { createRegistryClients, findManifestDigest, listReferrers, type RegistryClients } from '@waybill/oci';
import { topologyDriver } from '@waybill/stream/testing';
import { pushImage, randomImage } from '@waybill/testing';
import { execa } from 'execa';
import { createInspect } from '../../apps/inspector/src/inspect.ts';
import { parsePublicKey } from '../../apps/inspector/src/signatures/keys.ts';
import { loadTrust } from '../../apps/inspector/src/signatures/load-trust.ts';
import { createProve } from '../../apps/inspector/src/signatures/prove.ts';
import { inspector } from '../../apps/inspector/src/topology.ts';
import { createPolicy } from '../../apps/policy/src/topology.ts';
import { startOciRegistry, type OciRegistry } from '../../infra/local/oci-registry.ts';
import { findProgram } from '../../infra/local/tools.ts';

// Goal: what the real cosign signs lets an image go, by the keys that a policy accepts and by no other; in each form that cosign knows.
const cosign = findProgram('cosign');
const skip = cosign === undefined && process.env['CI'] !== 'true' && 'cosign is not here; npm run tools -- cosign builds it';
const nowMs = Date.UTC(2026, 0, 10);
const limits = { timeoutMs: 1, concurrencyMax: 1, perRegistryMax: 1, attemptsMax: 1 };
const soon = () => AbortSignal.timeout(60_000);

const offline = ['--use-signing-config=false', '--tlog-upload=false', '--allow-http-registry'];
const scheme = (isBundle: boolean): string => `--new-bundle-format=${isBundle}`;

/** How signatures lie beside an image: in a tag of its digest, or as a bundle that refers to it. */
const forms = { 'a tag': false, 'a bundle among the referrers': true };

describe('an image that has to be signed', { skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-signatures-'));
  const keysDir = join(dir, 'keys');
  let registry: OciRegistry;
  let clients: RegistryClients;

  const run = async (...args: readonly string[]): Promise<void> => {
    assert.ok(cosign, 'npm run tools -- cosign comes before the tests');
    const { exitCode, all } = await execa(cosign, args, {
      env: { HOME: dir, PATH: '', COSIGN_PASSWORD: 'of a key that signs nothing but this' },
      ...{ cwd: dir, extendEnv: false, all: true, reject: false, timeout: 60_000 },
    });
    assert.equal(exitCode, 0, all);
  };
  before(async () => {
    registry = await startOciRegistry({ name: 'a', dataDir: join(dir, 'a'), port: 0 });
    clients = createRegistryClients([{ name: 'a', host: registry.host, plainHttp: true }]);
    mkdirSync(keysDir);
    for (const name of ['ours', 'another', 'stranger']) await run('generate-key-pair', '--output-key-prefix', name);
    for (const name of ['ours', 'another']) renameSync(join(dir, `${name}.pub`), join(keysDir, `${name}.pub`));
  });
  after(async () => {
    await clients.close();
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** The way of an image through inspector and policy, as its registry would report it. */
  function start(repository: string) {
    const trust = loadTrust({ SIGNATURE_KEYS_DIR: keysDir, SIGNATURE_TRUSTED_ROOT_FILE: '' })!;
    const inspect = createInspect(
      clients,
      createProve(trust, () => nowMs),
    );
    const inspecting = topologyDriver(inspector(inspect, { ...limits, trustSha256: trust.sha256 }));
    const deciding = topologyDriver(createPolicy());
    const { id: key } = parsePublicKey(readFileSync(join(keysDir, 'ours.pub'), 'utf8'));
    const document = `{ apiVersion: waybill/v1, kind: ReplicationPolicy, metadata: { name: p },
      spec: { match: { tags: [v1] }, require: { signedBy: [{ key: '${key}' }] }, replicate: [{ registry: b }] } }`;
    const published = {
      policyId: 'p',
      document,
      documentSha256: '',
      author: 'test',
      publishedAtMs: nowMs,
      reason: '',
      previousSha256: null,
    };
    deciding.table('policies', { p: { type: 'PolicyPublished', data: published } });

    let read = 0;
    const image = { registry: registry.host, repository };
    const report = async (tags: readonly string[], digest: string): Promise<void> => {
      const id = `push of ${digest}`;
      const sent = { occurredAtMs: null, receivedAtMs: nowMs, source: 'distribution', endpoint: 'distribution' };
      const pushed: ImagePushed = { ...unsaid, ...image, ...sent, tags, digest };
      for (const driver of [inspecting, deciding])
        driver.pipe(topics.images, repositoryKey(image), { type: 'ImagePushed', data: pushed }, { id, correlationId: id, atMs: nowMs });
      const result = await inspect({ ...image, tags, digest, pushEventId: id }, { signal: soon(), attempt: 3, correlationId: id });
      inspecting.finishJob(id, result, { atMs: nowMs });
      for (const { meta, ...event } of inspecting.emitted(topics.inspections).slice(read)) {
        read += 1;
        deciding.pipe(topics.inspections, repositoryKey(image), event, { id: meta.id, atMs: nowMs });
      }
    };
    const decided = () =>
      (deciding.emitted(topics.decisions) as readonly EventOf<'ImageDecided'>[]).filter(({ data }) => data.tag === 'v1');
    return { report, code: () => decided().at(-1)?.data.code };
  }

  for (const [where, isBundle] of Object.entries(forms))
    it(`in ${where} goes nowhere unsigned or signed by others, and goes once we have signed it`, async () => {
      const repository = isBundle ? 'team/bundles' : 'team/tags';
      const client = clients.forName('a');
      const { digest } = await pushImage({ client, repository, tag: 'v1' }, randomImage(), soon());
      const { report, code } = start(repository);
      await report(['v1'], digest);
      assert.equal(code(), 'SIGNATURE_MISSING');
      /** Of the same image, pushed when it was signed already. */
      const codeOfNow = async () => {
        const anew = start(repository);
        await anew.report(['v1'], digest);
        return anew.code();
      };

      const known = new Set<string>();
      const sign = async (by: string): Promise<void> => {
        await run('sign', '--yes', '--key', `${by}.key`, ...offline, scheme(isBundle), `${registry.host}/${repository}@${digest}`);
        for (const { tags, digest: pushed } of await findPushed(clients, repository, digest)) {
          if (known.has(pushed)) continue;
          known.add(pushed);
          await report(tags, pushed);
        }
      };
      await sign('stranger');
      assert.equal(await codeOfNow(), 'SIGNATURE_MISSING');
      await sign('another');
      assert.equal(await codeOfNow(), 'SIGNER_NOT_ACCEPTED');
      assert.equal(code(), 'SIGNATURE_MISSING'); // Denied still: that is not told twice.
      await sign('ours');
      assert.deepEqual([code(), await codeOfNow()], ['REQUIREMENTS_MET', 'REQUIREMENTS_MET']);
    });

  for (const [where, isBundle] of Object.entries(forms))
    it(`has an SBOM that is attested to it in ${where.replace('tag', 'tag of its own')}`, async () => {
      const repository = isBundle ? 'team/attested-bundle' : 'team/attested-tag';
      const { digest } = await pushImage({ client: clients.forName('a'), repository, tag: 'v1' }, randomImage(), soon());
      writeFileSync(join(dir, 'sbom.json'), '{}');
      const what = ['--type', 'spdxjson', '--predicate', 'sbom.json'];
      await run('attest', '--yes', '--key', 'ours.key', ...what, ...offline, scheme(isBundle), `${registry.host}/${repository}@${digest}`);
      const [pushed] = await findPushed(clients, repository, digest, 'att');
      const payload = { registry: registry.host, repository, tags: pushed!.tags, digest: pushed!.digest, pushEventId: 'p' };
      const inspected = await createInspect(clients)(payload, { signal: soon(), attempt: 1, correlationId: 'c' });
      assert.deepEqual([inspected.subject, inspected.predicateTypes], [digest, ['https://spdx.dev/Document']]);
    });
});

/** What cosign has pushed beside an image until now. */
async function findPushed(clients: RegistryClients, repository: string, digest: Digest, ending: 'sig' | 'att' = 'sig') {
  const client = clients.forName('a');
  const found: { readonly tags: readonly string[]; readonly digest: string }[] = [];
  for (const referrer of await listReferrers(client, { repository, digest }, soon())) found.push({ tags: [], digest: referrer.digest });
  const tag = `${digest.replace(':', '-')}.${ending}`;
  const tagged = await findManifestDigest(client, { repository, reference: tag }, soon());
  return tagged === undefined ? found : [...found, { tags: [tag], digest: tagged }];
}
