import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';
import { listRepositories } from './list-repositories.ts';
import { listTags } from './list-tags.ts';

const failsAs =
  (code: string, text = /./) =>
  (error: unknown) =>
    error instanceof OciError && error.code === code && text.test(error.message);

describe('a list of tags or repositories', () => {
  let registry: FakeRegistry;
  let client: RegistryClient;
  const signal = AbortSignal.timeout(120_000);
  const repository = 'team/app';
  const image = randomImage();
  const tags = ['0.9', 'latest', 'v1', 'v2', 'v3'];

  /** The answer to the next request for tags. */
  const answer = (body: unknown, link?: string) =>
    registry.fail({
      ...{ path: /tags\/list/, kind: 'answer', status: 200, body: typeof body === 'string' ? body : JSON.stringify(body) },
      headers: { 'content-type': 'application/json', ...(link === undefined ? {} : { link }) },
    });

  before(async () => {
    registry = await startFakeRegistry();
    client = createRegistryClient({ name: 'a', host: registry.host, plainHttp: true }, { triesMax: 1 });
    for (const tag of tags.toReversed()) await pushImage({ client, repository, tag }, image);
    for (const other of ['a', 'b/c']) await pushImage({ client, repository: other, tag: 'v1' }, image);
  });
  afterEach(() => registry.heal());
  after(async () => {
    await client.close();
    await registry.close();
  });

  it('is read to its end, in pages of any size', async () => {
    for (const pageSize of [undefined, 1, 2, 5, 6]) assert.deepEqual(await listTags(client, { repository, pageSize }, signal), tags);
    assert.deepEqual(await listRepositories(client, { pageSize: 2 }, signal), ['a', 'b/c', 'team/app']);
  });

  it('goes on after a name', async () => {
    assert.deepEqual(await listTags(client, { repository, after: 'latest', pageSize: 2 }, signal), ['v1', 'v2', 'v3']);
    assert.deepEqual(await listRepositories(client, { after: 'b/c' }, signal), ['team/app']);
  });

  it('may be empty, in any way that registries write it', async () => {
    for (const empty of [[], null]) {
      answer({ name: repository, tags: empty });
      assert.deepEqual(await listTags(client, { repository }, signal), []);
    }
  });

  it('has each name once, however often it comes', async () => {
    answer({ tags: ['v1', 'v1'] }, '</v2/team/app/tags/list?page=2>; rel="next"');
    answer({ tags: ['v1', 'v2'] });
    assert.deepEqual(await listTags(client, { repository }, signal), ['v1', 'v2']);
  });

  it('finds the next page in whatever form the header has', async () => {
    const next = '/v2/team/app/tags/list?last=v2,x;y';
    for (const link of [
      `<${next}>; rel=next`,
      `<${registry.url}${next}>;rel="next"`,
      `<${next}>; title="more"; rel="next"`,
      `</v2/>; rel="prev", <${next}>; rel="next"; type="application/json"`,
      `<?last=v2,x;y>; REL="Next"`,
    ]) {
      answer({ tags: ['first'] }, link);
      assert.deepEqual(await listTags(client, { repository }, signal), ['first', 'v3'], link);
    }
    for (const link of ['</v2/team/app/tags/list?last=v2>; rel="prev"', 'nonsense', '<>', '</x>; rel="nextish"', '']) {
      answer({ tags: ['first'] }, link);
      assert.deepEqual(await listTags(client, { repository }, signal), ['first'], link);
    }
  });

  it('is not followed to another host, another scheme or nowhere', async () => {
    for (const link of [
      'http://127.0.0.1:1/',
      `https://${registry.host}/v2/`,
      `http://user@evil.example/`,
      '//evil.example/',
      'http://[',
    ]) {
      answer({ tags: ['v1'] }, `<${link}>; rel="next"`);
      await assert.rejects(listTags(client, { repository }, signal), failsAs('REDIRECT_REFUSED', /correct its external URL/), link);
    }
  });

  it('that leads in a circle ends', async () => {
    const pages = ['/v2/team/app/tags/list?page=1', '/v2/team/app/tags/list?page=2'];
    for (const circle of [[pages[0]!, pages[0]!], [pages[0]!, pages[1]!, pages[0]!], ['/v2/team/app/tags/list?n=1000']]) {
      for (const page of circle) answer({ tags: ['v1'] }, `<${page}>; rel="next"`);
      await assert.rejects(listTags(client, { repository }, signal), failsAs('REGISTRY_PROTOCOL', /circle/));
    }
  });

  it('without end ends', async () => {
    const many = Array.from({ length: 50_001 }, (_, index) => `t${index}`);
    for (const offset of ['a', 'b'])
      answer({ tags: many.map((tag) => `${offset}${tag}`) }, `</v2/team/app/tags/list?page=${offset}>; rel="next"`);
    await assert.rejects(listTags(client, { repository }, signal), failsAs('CONTENT_TOO_LARGE', /100000 tags/));
    answer(`{"tags":[${' '.repeat(17 * 1_024 * 1_024)}]}`);
    await assert.rejects(listTags(client, { repository }, signal), failsAs('CONTENT_TOO_LARGE'));
  });

  it('is refused when it is none', async () => {
    const strange = [
      '',
      '[]',
      'null',
      '7',
      '{"tags":7}',
      '{"tags":["v1"',
      '{"tags":[7]}',
      '{"tags":["../../x"]}',
      '{"tags":["v1",""]}',
      '{}',
    ];
    for (const body of strange) {
      answer(body);
      await assert.rejects(listTags(client, { repository }, signal), failsAs('REGISTRY_PROTOCOL'), body);
    }
    registry.fail({ path: /_catalog/, kind: 'answer', status: 200, body: '{"repositories":["Team/App"]}' });
    await assert.rejects(listRepositories(client, {}, signal), failsAs('REGISTRY_PROTOCOL'));
  });

  it('says what it is that failed', async () => {
    await assert.rejects(listTags(client, { repository: 'no/such' }, signal), failsAs('CONTENT_NOT_FOUND', /tags of no\/such/));
    for (const status of [400, 404, 405, 501]) {
      registry.fail({ path: /_catalog/, kind: 'answer', status });
      await assert.rejects(listRepositories(client, {}, signal), failsAs('REGISTRY_UNSUPPORTED', /name the repositories/));
    }
    registry.fail({ path: /_catalog/, kind: 'answer', status: 403 });
    await assert.rejects(listRepositories(client, {}, signal), failsAs('REGISTRY_DENIED', /GET repositories: the user/));
  });

  it('of the catalog asks for the right to read it', async (t) => {
    const realm = `http://${registry.host}/token`;
    const scopes: (string | null)[] = [];
    const guarded = await startFakeRegistry({
      guard: ({ url, headers }) => {
        const { pathname, searchParams } = new URL(url ?? '/', 'http://registry');
        if (pathname === '/token') {
          scopes.push(searchParams.get('scope'));
          return { status: 200, bytes: Buffer.from('{"token":"t"}') };
        }
        if (headers.authorization === 'Bearer t') return undefined;
        return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm.replace(registry.host, String(headers.host))}"` } };
      },
    });
    const asking = createRegistryClient({ name: 'g', host: guarded.host, plainHttp: true });
    t.after(() => Promise.all([asking.close(), guarded.close()]));
    assert.deepEqual(await listRepositories(asking, {}, signal), []);
    assert.deepEqual(scopes, ['registry:catalog:*']);
  });
});
