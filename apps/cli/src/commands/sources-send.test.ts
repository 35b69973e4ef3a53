import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { isLocalScheme, settingsOf, verify, type AuthScheme, type Endpoint } from '@waybill/webhook-sources';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { readRecording } from '../recording.ts';
import { findEndpoint, samplePath, sendSample, type SendOptions } from './sources-send.ts';

const text = 'kGf3-Zq8vX_2mLrT7wYb';
const endpoint = (name: string, kind: Endpoint['kind'], auth: AuthScheme, value = text): Endpoint => ({
  ...{ name, kind, settings: settingsOf(name), auth, rate: null },
  secrets: [
    { id: 'over', value: 'over-over-over-over-1', notAfterMs: 1 },
    { id: 'now', value, notAfterMs: null },
  ],
});
const hmac = (kind: Endpoint['kind'], header: string, prefix = '', scheme: 'hmac-sha256' | 'hmac-sha1' = 'hmac-sha256'): Endpoint =>
  endpoint(kind, kind, { scheme, header, prefix, over: kind === 'gitea' ? 'form-payload' : 'body' });
const endpoints: readonly Endpoint[] = [
  hmac('github', 'x-hub-signature-256', 'sha256='),
  hmac('gitea', 'x-gitea-signature'),
  hmac('nexus', 'x-nexus-webhook-signature', '', 'hmac-sha1'),
  endpoint('gitlab', 'gitlab', { scheme: 'standard-webhooks' }, `whsec_${Buffer.alloc(32, 3).toString('base64')}`),
  endpoint('distribution', 'distribution', { scheme: 'bearer' }),
  endpoint('harbor', 'harbor', { scheme: 'header', header: 'authorization' }),
  endpoint('zot', 'zot', { scheme: 'basic' }, 'robot:pQ9z-Wn4cB_6hJsD'),
  endpoint('dockerhub', 'dockerhub', { scheme: 'url-path' }),
  endpoint('quay', 'quay', { scheme: 'url-query', parameter: 'key' }),
  endpoint('open', 'jfrog', { scheme: 'none' }),
];

/** A receiver that lets in by the same rules as the gateway, and says by what. */
const server = createServer(
  (request, response) => void answer(request).then((status) => response.writeHead(status).end(JSON.stringify({ status }))),
);
const seen: IncomingMessage[] = [];
async function answer(request: IncomingMessage): Promise<number> {
  seen.push(request);
  const body = await buffer(request);
  const name = /^\/v1\/webhooks\/([a-z]+)/.exec(request.url ?? '')?.[1];
  const { auth, secrets } = endpoints.find((each) => each.name === name)!;
  if (!isLocalScheme(auth)) return 500;
  return verify(auth, secrets, { rawHeaders: request.rawHeaders, url: request.url!, body, clientCertificate: null }, Date.now()).ok
    ? 202
    : 401;
}
let url = '';
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

async function send(to: Endpoint, sample: string, options: Partial<SendOptions> = {}) {
  const said = fakeConsole();
  const recording = await readRecording(samplePath(to.kind, sample));
  const all: SendOptions = { output: 'table', url, count: 1, secretId: undefined, tls: {}, nowMs: Date.now, ...options };
  const code = await sendSample(to, recording, all, said.console);
  assert.doesNotMatch(said.out() + said.err(), new RegExp(text), 'no secret is shown');
  return { code, out: said.out(), err: said.err() };
}
const root = join(import.meta.dirname, '../../../../test/fixtures/webhooks');
const samplesOf = (kind: string): readonly string[] =>
  readdirSync(join(root, kind)).flatMap((file) => (/options/.test(file) ? [] : [file.replace('.json', '')]));
const [harborSample, dockerhubSample] = ['push-tagged-cloudevents', samplesOf('dockerhub')[0]!];

describe('sources send', () => {
  for (const to of endpoints) {
    it(`is let in by ${to.auth.scheme} (${to.kind}), whatever the recording was proved by`, async () => {
      for (const sample of samplesOf(to.kind)) {
        const { code, out } = await send(to, sample);
        assert.deepEqual([code, out], [0, '202 {"status":202}'], sample);
      }
    });
  }

  it('keeps what the sample says beside its proof', async () => {
    await send(endpoints[0]!, samplesOf('github')[0]!);
    assert.ok(seen.some(({ headers }) => headers['x-github-event'] !== undefined && headers['x-github-delivery'] !== undefined));
  });

  it('sends as often as it is told, and says no where it is refused', async () => {
    assert.equal((await send(endpoints[5]!, harborSample, { count: 3 })).out.split('\n').length, 3);
    const { code, err } = await send(endpoints[5]!, harborSample, { secretId: 'over' });
    assert.equal(code, 1);
    assert.match(err, /1 of 1 refused.*docs\/registries\/harbor\.md/);
  });

  it('speaks JSON, without the secret that stands in the URL', async () => {
    const { out } = await send(endpoints[7]!, dockerhubSample, { output: 'json' });
    assert.deepEqual(JSON.parse(out), {
      endpoint: 'dockerhub',
      url: `${url}/v1/webhooks/dockerhub`,
      answers: [{ status: 202, body: { status: 202 } }],
    });
  });

  it('says how to see those work whose proof only their sender can make', async () => {
    const oidc = {
      scheme: 'oidc',
      issuers: ['a'],
      audience: 'a',
      jwksUrl: 'https://a.example',
      algorithm: 'RS256',
      emails: ['a'],
      claims: {},
    } as const;
    const sns = { scheme: 'sns', topicArns: ['a'], signatureVersions: ['2'], certificateTrust: 'chain' } as const;
    for (const [auth, next] of [
      [oidc, /gcloud/],
      [sns, /aws sns publish/],
      [{ scheme: 'mtls', names: ['a'] }, /--cert and --key/],
    ] as const)
      await assert.rejects(
        send(endpoint('x', 'harbor', auth), harborSample),
        (error: unknown) => error instanceof CliError && error.exitCode === 2 && next.test(error.next),
      );
  });

  it('without a gateway cannot reach it, and shows no secret', async () => {
    const gone = send(endpoints[7]!, dockerhubSample, { url: 'http://127.0.0.1:1' });
    await assert.rejects(
      gone,
      (error: unknown) => error instanceof CliError && error.exitCode === 3 && !String(error.stack).includes(text),
    );
  });
});

it('an endpoint is found by its name, or by its kind where that has one', () => {
  const two = [
    endpoint('a', 'harbor', { scheme: 'bearer' }),
    endpoint('b', 'harbor', { scheme: 'bearer' }),
    endpoint('c', 'quay', { scheme: 'bearer' }),
  ];
  assert.equal(findEndpoint(two, 'b').name, 'b');
  assert.equal(findEndpoint(two, 'quay').name, 'c');
  for (const name of ['harbor', 'zot']) assert.throws(() => findEndpoint(two, name), CliError);
});
