import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { settingsOf, type AuthScheme } from '@waybill/webhook-sources';
import { memoryLog, push, startGateway } from './gateway.fixture.ts';
import { sendRaw } from './raw.fixture.ts';
import type { Source } from './sources.ts';

// Goal: whatever is sent in whatever scheme, right, wrong or broken, no secret comes out again: in no line, answer, metric or record.
const nowSeconds = 1_700_000_000;
const key = Buffer.from('planted-secret-of-standard').toString('base64');
const planted = (scheme: string): string => (scheme === 'standard-webhooks' ? `whsec_${key}` : `planted-secret:of-${scheme}`);
const inUrl = (scheme: string): string => `planted-secret_of-${scheme}`;
const hmac = (scheme: 'sha1' | 'sha256', secret: string, body: string): string => createHmac(scheme, secret).update(body).digest('hex');

type Sent = { readonly path?: string; readonly headers?: Readonly<Record<string, string>> };
type Sample = { readonly auth: AuthScheme; readonly secret: string; readonly prove: (body: string) => Sent };
const own = { header: 'x-own-proof', prefix: '', over: 'body' } as const;
const samples: Readonly<Record<string, Sample>> = {
  header: {
    auth: { scheme: 'header', header: 'x-own' },
    secret: planted('header'),
    prove: () => ({ headers: { 'x-own': planted('header') } }),
  },
  bearer: {
    auth: { scheme: 'bearer' },
    secret: planted('bearer'),
    prove: () => ({ headers: { authorization: `Bearer ${planted('bearer')}` } }),
  },
  basic: {
    auth: { scheme: 'basic' },
    secret: planted('basic'),
    prove: () => ({ headers: { authorization: `Basic ${Buffer.from(planted('basic')).toString('base64')}` } }),
  },
  path: { auth: { scheme: 'url-path' }, secret: inUrl('path'), prove: () => ({ path: `/${inUrl('path')}` }) },
  query: { auth: { scheme: 'url-query', parameter: 'key' }, secret: inUrl('query'), prove: () => ({ path: `?key=${inUrl('query')}` }) },
  sha256: {
    auth: { scheme: 'hmac-sha256', ...own },
    secret: planted('sha256'),
    prove: (body) => ({ headers: { 'x-own-proof': hmac('sha256', planted('sha256'), body) } }),
  },
  sha1: {
    auth: { scheme: 'hmac-sha1', ...own },
    secret: planted('sha1'),
    prove: (body) => ({ headers: { 'x-own-proof': hmac('sha1', planted('sha1'), body) } }),
  },
  standard: {
    auth: { scheme: 'standard-webhooks' },
    secret: planted('standard-webhooks'),
    prove: (body) => {
      const signed = createHmac('sha256', Buffer.from(key, 'base64')).update(`m1.${nowSeconds}.${body}`).digest('base64');
      return { headers: { 'webhook-id': 'm1', 'webhook-timestamp': String(nowSeconds), 'webhook-signature': `v1,${signed}` } };
    },
  },
};
const sources = new Map<string, Source>(
  Object.entries(samples).map(([name, { auth, secret }]) => [
    name,
    { name, kind: 'distribution', settings: settingsOf(name), auth, secrets: [{ id: 'one', value: secret, notAfterMs: null }], rate: null },
  ]),
);

let isAway = false;
const log = memoryLog(async () => (isAway ? Promise.reject(new Error('no broker')) : undefined));
const gateway = await startGateway(log.append, { HTTP_REQUEST_TIMEOUT_MS: 300 }, { sources });
await gateway.app.listen({ port: 0, host: '127.0.0.1' });
const { port } = gateway.app.server.address() as AddressInfo;
after(() => gateway.app.close());

let answers = '';
async function send(name: string, { path = '', headers = {} }: Sent, body: string, more = ''): Promise<void> {
  const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`);
  const head = `POST /v1/webhooks/${name}${path} HTTP/1.1\r\nhost: x\r\n${lines.join('')}${more}`;
  answers += (await sendRaw(port, `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)).text;
}

/** Everything that can be read of a run, but for the bodies that were sent: they are kept as they are. */
const written = async (): Promise<string> => {
  const records = log.records().map(({ key: name, headers, value }) => {
    const { data } = JSON.parse(String(value)) as { readonly data: { readonly headers?: unknown } };
    return [name, ...Object.values(headers), JSON.stringify(data.headers)].join(' ');
  });
  return [gateway.logged(), answers, await gateway.registry.metrics(), ...records].join('\n');
};

describe('a secret', () => {
  for (const [name, { prove, secret }] of Object.entries(samples))
    it(`of the scheme ${name} comes out nowhere`, async () => {
      const body = JSON.stringify({ events: [push(name)] });
      const sent = prove(body);
      const twisted = Object.fromEntries(Object.entries(sent.headers ?? {}).map(([header, value]) => [header, `${value}, ${value}`]));
      const from = answers.length;
      await send(name, sent, body);
      assert.match(answers.slice(from), /^HTTP\/1.1 202 /, answers.slice(from));
      const other = `${body}\n`; // Not a repeat: it is kept, with its headers.
      await send(
        name,
        prove(other),
        other,
        `x-original-uri: /v1/webhooks/${name}/${secret}?key=${secret}\r\nreferer: http://x/${secret}\r\n`,
      );
      await send(name, { headers: twisted, path: `${sent.path ?? ''}${sent.path ?? ''}` }, body);
      await send(name, { ...sent, path: `/%zz${secret}` }, body);
      await send(name, { ...sent, path: `/${secret}${'x'.repeat(300)}` }, body);
      await send('nobody', sent, body);
      await send(`${name}/validate`, sent, body);
      await send(name, sent, body, `x: \0${secret}\r\n`);
      await send(name, sent, body, `x: ${secret.repeat(1_000)}\r\n`);
      await send(name, sent, body, `content-encoding: ${secret}\r\n`);
      await send(name, sent, body, `expect: ${secret}\r\n`);
      await send(name, sent, `${'x'.repeat(1_048_577)}`);
      const endless = `POST /v1/webhooks/${name}${sent.path ?? ''}/${secret} HTTP/1.1\r\nx: ${secret}`;
      answers += (await sendRaw(port, endless)).text;
      isAway = true;
      await send(name, prove(`${body} `), `${body} `);
      isAway = false;
      const all = await written();
      const proofs = [secret, ...Object.values(sent.headers ?? {}).filter((value) => value.length > 20)];
      for (const proof of proofs)
        assert.ok(!all.includes(proof), `${proof} in ${all.slice(Math.max(0, all.indexOf(proof) - 300), all.indexOf(proof))}`);
      assert.match(all, /"code":"LOG_UNAVAILABLE"/, 'what was wrong is there');
    });
});

describe('a log line', () => {
  it('is one line of JSON, whatever was sent', async () => {
    const nasty = '\u001b[31m"}\t{"level":"fatal"}';
    await send(
      'header',
      samples['header']!.prove(''),
      `{"events":[${JSON.stringify({ ...push(`${nasty}\r\n${nasty}`), action: nasty })}]}`,
    );
    await send(encodeURIComponent(`x\r\n${nasty}`), {}, '{}', `user-agent: ${nasty}\r\nx-forwarded-for: ${nasty}\r\n`);
    const lines = gateway.logged().trimEnd().split('\n');
    assert.ok(lines.length > 5);
    for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f]|fatal/, 'nothing of it comes through');
    for (const line of lines) assert.ok('msg' in (JSON.parse(line) as object));
  });
});

describe('what is counted', () => {
  it('has labels of the configuration only: nobody can add one', async () => {
    for (let count = 0; count < 50; count++) await send(`made-up-${count}`, {}, '{}');
    const endpoints = [...(await gateway.registry.metrics()).matchAll(/endpoint="([^"]*)"/g)].map(([, endpoint]) => endpoint!);
    assert.deepEqual([...new Set(endpoints)].filter((endpoint) => endpoint !== 'unknown' && !sources.has(endpoint)), []); // prettier-ignore
  });
});
