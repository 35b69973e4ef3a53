// A push seen from outside: what a user does with crane and reads with the command line, and what independent tools find in the log.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repositoryKey, topics } from '@waybill/domain';
import { pushImage, pushIndex, randomImage, writeIndexLayout } from '@waybill/testing';
import { eventually } from '../support/read-log.ts';
import { startWaybill, type Waybill } from './waybill.fixture.ts';
import { decodeAvro, ensureKcat } from './independent.ts';

let waybill: Waybill;
before(async () => (waybill = await startWaybill()));
after(() => waybill.stop());

const secretOf = (source: string): string => readFileSync(join(waybill.stack.secretsDir, source), 'utf8').trim();
const post = (source: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${waybill.stack.gatewayUrl}/v1/webhooks/${source}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secretOf('distribution')}`, 'content-type': 'application/json', ...headers },
    body,
  });
const notification = (repository: string, tag: string, digest: string, id: string): string =>
  JSON.stringify({
    events: [
      {
        ...{ id, timestamp: '2026-01-01T00:00:00.5Z', action: 'push', actor: { name: 'ci' } },
        target: {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest,
          size: 7,
          repository,
          tag,
          url: `http://${waybill.stack.registryA}/v2/${repository}/manifests/${digest}`,
        },
        request: { host: waybill.stack.registryA },
      },
    ],
  });

describe('a pushed index of two platforms', () => {
  it('is in the second registry with the same digest, scanned once per child, decided once, with an unbroken audit', async () => {
    const layout = join(waybill.dir, 'layout');
    const { index, children } = writeIndexLayout(layout, ['amd64', 'arm64']);
    const [from, to] = [`${waybill.stack.registryA}/demo/web:1.0`, `${waybill.stack.registryB}/demo/web:1.0`];
    await waybill.crane('push', '--index', layout, from);
    assert.equal(await waybill.crane('digest', from), index);

    const { outcome, steps } = await waybill.journey(from);
    assert.equal(outcome.status, 'copied', outcome.text);
    assert.deepEqual(
      ['delivered', 'pushed', 'deduplicated', 'inspected', 'scanned', 'decided', 'copied'].filter(
        (kind) => !steps.some((step) => step.kind === kind),
      ),
      [],
      'no step is missing',
    );
    assert.equal(await waybill.crane('digest', to), index);
    await waybill.crane('validate', '--remote', to);

    for (const child of children)
      assert.equal(waybill.scans().filter((line) => line.includes(child)).length, 1, `${child} is scanned once`);
    const decisions = (await waybill.events(topics.decisions, 'ImageDecided')).filter(({ data }) => data.repository === 'demo/web');
    assert.equal(decisions.length, 1);
    const verified = await waybill.cli('audit', 'verify', '--output', 'json');
    assert.equal(verified.exitCode, 0, verified.stdout + verified.stderr);
  });

  it('is told by one command, in a terminal of 100 columns', async () => {
    const told = await waybill.cli('trace', `${waybill.stack.registryA}/demo/web:1.0`);
    assert.equal(told.exitCode, 0, told.stderr);
    for (const word of ['pushed', 'inspected', 'scanned', 'decided', 'copied']) assert.match(told.stdout, new RegExp(word));
    const unknown = await waybill.cli('trace', `${waybill.stack.registryA}/demo/nobody:1.0`);
    assert.equal(unknown.exitCode, 1);
  });

  it('is decided in the same way once more, from the log alone', async () => {
    const told = await waybill.cli('policy', 'explain', `${waybill.stack.registryA}/demo/web:1.0`);
    assert.equal(told.exitCode, 0, told.stdout + told.stderr);
    assert.match(told.stdout, /allow REQUIREMENTS_MET by prod: scanned/);
    assert.match(told.stdout, /made again from 3 events and \d+ documents in the log: the same, from the same inputs/);
  });
});

describe('an image that policy does not let through', () => {
  it('is not copied when its scan finds something critical, and trace says so', async () => {
    const image = `${waybill.stack.registryA}/demo/vulnerable:1.0`;
    await pushImage({ client: waybill.a, repository: 'demo/vulnerable', tag: '1.0' }, randomImage());
    const { outcome } = await waybill.journey(image);
    assert.equal(outcome.status, 'denied');
    assert.match((await waybill.cli('trace', image)).stdout, /critical/);
    const explained = await waybill.cli('policy', 'explain', image);
    assert.deepEqual([explained.exitCode, /deny SEVERITY_TOO_HIGH by prod/.test(explained.stdout)], [0, true], explained.stdout);
    assert.ok(!(await waybill.crane('catalog', waybill.stack.registryB)).includes('vulnerable'));
  });

  it('is not copied as long as it is not scanned, and trace says what it waits for', async () => {
    const image = `${waybill.stack.registryA}/demo/slow:1.0`;
    const pushed = await pushImage({ client: waybill.a, repository: 'demo/slow', tag: '1.0' }, randomImage());
    const told = await eventually(
      () => waybill.cli('trace', image),
      ({ stdout }) => stdout.includes('scan of sha256'), // First it waits for its inspection.
      20_000,
    );
    assert.match(told.stdout, /held/);
    assert.match(told.stdout, new RegExp(`scan of ${pushed.digest.slice(0, 19)}`));
    assert.ok(!(await waybill.crane('catalog', waybill.stack.registryB)).includes('demo/slow'));
  });

  it('is not copied when the scanner fails, and trace says why', async () => {
    const image = `${waybill.stack.registryA}/demo/broken:1.0`;
    await pushImage({ client: waybill.a, repository: 'demo/broken', tag: '1.0' }, randomImage());
    const { stdout } = await eventually(
      () => waybill.cli('trace', image),
      (told) => /SCANNER_FAILED|held/.test(told.stdout),
      20_000,
    );
    assert.match(stdout, /SCANNER_FAILED|held/);
    assert.ok(!(await waybill.crane('catalog', waybill.stack.registryB)).includes('demo/broken'));
  });
});

describe('a webhook of another kind of registry', () => {
  const decisionOn = async (repository: string) => {
    const decided = async () =>
      (await waybill.events(topics.decisions, 'ImageDecided')).filter(({ data }) => data.repository === repository);
    return (await eventually(decided, (decisions) => decisions.length > 0, 30_000))[0]?.data;
  };

  it('of Docker Hub, which names no digest, is decided on the digest that the tag has', async () => {
    const { digest } = await pushImage({ client: waybill.b, repository: 'demo/hub', tag: '1.0' }, randomImage());
    const pushedAt = Math.floor(Date.now() / 1_000);
    const body = {
      push_data: { tag: '1.0', pushed_at: pushedAt, pusher: 'ci' },
      repository: { repo_name: 'demo/hub', namespace: 'demo', name: 'hub' },
    };
    assert.equal((await post(`dockerhub/${secretOf('dockerhub')}`, JSON.stringify(body), { authorization: '' })).status, 202);
    const decision = await decisionOn('demo/hub');
    assert.deepEqual([decision?.digest, decision?.outcome, decision?.registry], [digest, 'allow', waybill.stack.registryB]);
  });

  it('of Harbor is decided as one of Distribution', async () => {
    const { digest } = await pushImage({ client: waybill.b, repository: 'demo/harbored', tag: '2.0' }, randomImage());
    const resource = { digest, tag: '2.0', resource_url: 'harbor.example.com/demo/harbored:2.0' };
    const repository = {
      name: 'harbored',
      namespace: 'demo',
      repo_full_name: 'demo/harbored',
      repo_type: 'private',
      date_created: 1_700_000_000,
    };
    const body = {
      type: 'PUSH_ARTIFACT',
      occur_at: Math.floor(Date.now() / 1_000),
      operator: 'ci',
      event_data: { resources: [resource], repository },
    };
    assert.equal((await post('harbor', JSON.stringify(body), { authorization: secretOf('harbor') })).status, 202);
    assert.deepEqual([(await decisionOn('demo/harbored'))?.digest, (await decisionOn('demo/harbored'))?.outcome], [digest, 'allow']);
  });
});

describe('what senders do wrong', () => {
  it('comes to nothing: the same webhook 50 times at once is one image', async () => {
    const { digest } = await pushIndex({ client: waybill.a, repository: 'dev-repeat' }, [randomImage()]);
    const body = notification('dev-repeat', 'v1', digest, '7e5f6a1c-0000-4000-8000-000000000001');
    const answers = await Promise.all(Array.from({ length: 50 }, () => post('distribution', body)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202]);
    const pushesOf = async () =>
      (await waybill.events(topics.images, 'ImagePushed')).filter(
        ({ data }) => data.repository === 'dev-repeat' && data.tags.includes('v1'),
      );
    await eventually(pushesOf, (pushes) => pushes.length > 0, 20_000);
    await waybill.journey(`${waybill.stack.registryA}/dev-repeat:v1`);
    assert.equal((await pushesOf()).length, 1);
  });

  it('is parked or refused, and the next push goes on: garbage, an unknown event, 2 MB, no secret', async () => {
    const parkedBefore = (await waybill.records(topics.parked)).length;
    assert.equal((await post('distribution', 'garbage \u0000 {')).status, 202);
    assert.equal((await post('distribution', JSON.stringify({ events: [{ id: 'x', action: 'explode', target: {} }] }))).status, 202);
    assert.equal((await post('distribution', Buffer.alloc(2 * 1_048_576, 'x'))).status, 413);
    assert.equal((await post('distribution', '{}', { authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await waybill.records(topics.parked)).length, parkedBefore + 2);
    const { stdout } = await waybill.cli('parked', 'list', '--output', 'json');
    const { parked } = JSON.parse(stdout) as { parked: readonly { app: string; id: string }[] };
    const [newest] = parked.filter(({ app }) => app === 'gateway');
    assert.ok(newest, stdout);
    const dropped = await waybill.cli('parked', 'drop', newest.id, '--reason', 'a test sent it', '--as', 'ann');
    assert.equal(dropped.exitCode, 0, dropped.stderr);
    assert.ok(!(await waybill.cli('parked', 'list', '--output', 'json')).stdout.includes(newest.id));
    assert.equal((await waybill.cli('parked', 'retry', newest.id)).exitCode, 1, 'it is no longer parked');

    await pushImage({ client: waybill.a, repository: 'demo/after', tag: '1.0' }, randomImage());
    assert.equal((await waybill.journey(`${waybill.stack.registryA}/demo/after:1.0`)).outcome.status, 'copied');
  });
});

describe('the log', () => {
  it('is read by kcat with its headers, and by another Avro decoder with the registered schema', async () => {
    const kcat = await ensureKcat();
    const lines = (await kcat('-C', '-b', waybill.stack.brokers, '-t', topics.images.name, '-e', '-q', '-f', '%k\\t%h\\n'))
      .trim()
      .split('\n');
    const line = lines.find((text) => text.startsWith(`${waybill.stack.registryA}/demo/web\t`));
    assert.ok(line, 'kcat finds the push by its key');
    for (const header of ['ce_id=', 'ce_type=waybill.ImagePushed.v1', 'ce_specversion=1.0', 'correlationid='])
      assert.ok(line.includes(header), header);

    const record = (await waybill.records(topics.images)).find(({ key }) => key?.toString() === `${waybill.stack.registryA}/demo/web`)!;
    const schemaId = record.value!.readInt32BE(1);
    const response = await fetch(`${waybill.stack.schemaRegistryUrl}/schemas/ids/${schemaId}`);
    const { schema } = (await response.json()) as { schema: string };
    const decoded = (await decodeAvro(schema, record.value!.subarray(5), waybill.dir)) as {
      registry: string;
      repository: string;
      tags: string[];
    };
    assert.equal(repositoryKey(decoded), record.key?.toString());
  });

  it('holds no secret, and neither do the logs of the apps', async () => {
    const secrets = ['distribution', 'harbor', 'dockerhub'].map(secretOf);
    const all = (await Promise.all(Object.values(topics).map((topic) => waybill.records(topic)))).flat();
    for (const secret of secrets) {
      assert.ok(
        !all.some(({ value, headers }) => value?.includes(secret) || Object.values(headers).some((header) => header.includes(secret))),
      );
      for (const app of ['gateway', 'dedup', 'inspector', 'scanner', 'policy', 'replicator', 'usage', 'audit', 'api'] as const)
        assert.ok(!waybill.stack.logs(app).includes(secret), app);
    }
  });
});
