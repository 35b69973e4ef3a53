import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDelivery, settingsOf, type ImageEvent, type Parsed } from '../../index.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const push = {
  id: 'e1',
  timestamp: '2024-08-06T12:00:00.123456789Z',
  action: 'push',
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest,
    size: 7,
    repository: 'team/app',
    url: `https://Registry.example.com:5000/v2/team/app/manifests/${digest}`,
    tag: '1.0',
  },
  request: { host: 'inner:5000' },
};
type Push = typeof push;
const parse = (events: readonly unknown[], registryHost: string | null = null, receivedAtMs = 5): Parsed =>
  parseDelivery(
    'distribution',
    { headers: {}, body: Buffer.from(JSON.stringify({ events })), receivedAtMs },
    settingsOf('distribution', { registryHost }),
  );
const eventsOf = (parsed: Parsed): readonly ImageEvent[] => (parsed.outcome === 'events' ? parsed.events : assert.fail(parsed.outcome));
const only = (event: unknown, registryHost: string | null = null): ImageEvent => eventsOf(parse([event], registryHost))[0]!;
const changed = (target: Partial<Push['target']>, event: Partial<Push> = {}) => ({
  ...push,
  ...event,
  target: { ...push.target, ...target },
});
const without = (...names: readonly (keyof Push['target'])[]) => ({
  ...push,
  target: Object.fromEntries(Object.entries(push.target).filter(([name]) => !names.includes(name as keyof Push['target']))),
});

describe('a registry host', () => {
  it('is that of the URL, in lower case', () => assert.equal(only(push).data.registry, 'registry.example.com:5000'));
  it('is the one that the client asked for where the URL is relative', () =>
    assert.equal(only(changed({ url: `/v2/team/app/manifests/${digest}` })).data.registry, 'inner:5000'));
  it('is the configured one where there is one, so that all events of a registry share it', () =>
    assert.equal(only(push, 'registry.test').data.registry, 'registry.test'));
  it('is never guessed', () => {
    const parsed = parse([{ ...without('url'), request: {} }]);
    assert.equal(parsed.outcome === 'malformed' && parsed.reason, 'REGISTRY_MISSING');
  });
});

describe('a pull', () => {
  const isOurs = (useragent?: string): unknown => {
    const event = only({ ...push, action: 'pull', request: { host: 'inner:5000', ...(useragent !== undefined && { useragent }) } });
    return event.type === 'ImagePulled' && event.data.byOwnRobot;
  };
  it('is our own where the client names itself as ours does', () => {
    assert.equal(isOurs('waybill'), true);
    for (const other of ['docker/28.1', 'waybill/2 by somebody else', '', undefined]) assert.equal(isOurs(other), false, String(other));
  });
});

describe('a manifest', () => {
  const isIgnored = (event: unknown): boolean => {
    const parsed = parse([event]);
    return parsed.outcome === 'ignored' && parsed.reason === 'BLOB';
  };
  it('is told from a blob by its media type or its URL', () => {
    const blobUrl = `https://r.example/v2/team/app/blobs/${digest}`;
    assert.ok(isIgnored(changed({ mediaType: 'application/octet-stream', url: blobUrl })));
    assert.ok(isIgnored({ ...push, action: 'mount' }));
    assert.equal(only(changed({ mediaType: 'application/vnd.new.manifest' })).type, 'ImagePushed');
  });
  it('is told from a blob also in a repository called manifests', () => {
    const url = `https://r.example/v2/team/manifests/app/blobs/${digest}`;
    assert.ok(isIgnored(changed({ mediaType: 'application/octet-stream', url, repository: 'team/manifests/app' })));
  });
  it('is what a tag points to where neither is told', () => {
    assert.equal(only(without('url', 'mediaType')).type, 'ImagePushed');
    assert.ok(isIgnored(without('url', 'mediaType', 'tag')));
  });
});

describe('a config', () => {
  const withConfig = (mediaType: string) => ({ ...push, target: { ...push.target, references: [{ mediaType: 'x' }, { mediaType }] } });
  it('among the references tells a chart from an image', () => {
    const { data, type } = only(withConfig('application/vnd.oci.image.config.v1+json'));
    assert.equal(type === 'ImagePushed' && data.artifactKind, 'image');
    const parsed = parse([withConfig('application/vnd.cncf.helm.config.v1+json')]);
    assert.equal(parsed.outcome === 'ignored' && parsed.reason, 'HELM_CHART');
  });
});

describe('an event', () => {
  it('of a batch stands in its order, and one that cannot be read does not take the others with it', () => {
    const parsed = parse([
      push,
      7,
      { ...push, action: 'explode' },
      changed({ repository: 'NOT VALID' }),
      changed({ tag: '2.0' }, { id: 'e2' }),
    ]);
    assert.deepEqual(
      eventsOf(parsed).map(({ data }) => data.tags),
      [['1.0'], ['2.0']],
    );
    assert.deepEqual(
      parsed.rest.map(({ index, reason }) => [index, reason]),
      [
        [1, 'EVENT_NOT_AN_OBJECT'],
        [2, 'EVENT_UNKNOWN'],
        [3, 'REPOSITORY_INVALID'],
      ],
    );
  });
  it('of an action that is not known is malformed, so that it gets parked and not lost', () => {
    const parsed = parse([{ ...push, action: 'explode' }]);
    assert.equal(parsed.outcome === 'malformed' && parsed.reason, 'EVENT_UNKNOWN');
  });
  it('tells a deleted tag, a deleted manifest and a deleted repository apart', () => {
    const gone = (target: object) => only({ id: 'd', action: 'delete', target }, 'r.example').data;
    assert.deepEqual([gone({ repository: 'a', tag: 'x' }).tags, gone({ repository: 'a', tag: 'x' }).digest], [['x'], null]);
    assert.deepEqual([gone({ repository: 'a', digest }).tags, gone({ repository: 'a', digest }).digest], [[], digest]);
    assert.deepEqual([gone({ repository: 'a' }).tags, gone({ repository: 'a' }).digest], [[], null]);
  });
  it('keeps a digest that is none as text', () => {
    const { data, type } = only(changed({ digest: 'sha256:short' }));
    assert.ok(type === 'ImagePushed');
    assert.deepEqual([data.digest, data.rawDigest], [null, 'sha256:short']);
  });
  it('holds only text that can be encoded: half a character becomes a replacement, a flood of them nothing', () => {
    assert.equal(only({ ...push, actor: { name: 'a\ud800' } }).data.actor, 'a\ufffd');
    assert.equal(only({ ...push, actor: { name: 'x'.repeat(256) } }).data.actor, null);
  });
  it('with a tag that is none is malformed, with a digest in its place untagged', () => {
    assert.equal(parse([changed({ tag: 'a b' })]).outcome, 'malformed');
    assert.deepEqual(only(changed({ tag: digest })).data.tags, []);
    assert.deepEqual(only(changed({ tag: `sha256:${'c'.repeat(64)}` })).data.tags, []);
    assert.deepEqual(only(changed({ tag: 'masked', digest: 'masked' })).data.tags, [], 'as in samples that hide the digest');
  });
});

describe('an id', () => {
  const id = (event: unknown): string => only(event).id;
  it('is the same for the same delivery, also at another time and endpoint', () => assert.equal(id(push), id(structuredClone(push))));
  it('is another for another push of the same digest', () => assert.notEqual(id(push), id({ ...push, id: 'e2' })));
  it('is another for another tag, repository, digest, action', () => {
    const others = [
      changed({ tag: '1.1' }),
      changed({ repository: 'a' }),
      changed({ digest: `sha256:${'b'.repeat(64)}` }),
      { ...push, action: 'pull' },
    ];
    assert.equal(new Set([push, ...others].map(id)).size, 5);
  });
  it('comes from the time where there is no id, and from the bytes where there is neither', () => {
    const noId = { ...push, id: undefined };
    assert.notEqual(id(noId), id({ ...noId, timestamp: '2024-08-06T12:00:01Z' }));
    const bare = { ...noId, timestamp: 'yesterday' };
    assert.equal(id(bare), id(structuredClone(bare)));
    const twins = eventsOf(parse([bare, bare])).map((event) => event.id);
    assert.notEqual(twins[0], twins[1]);
    assert.notEqual(id(bare), id({ ...bare, more: 1 }));
  });
  it('of a push that comes again after the sender has stopped to repeat it is another, for the bytes cannot tell two pushes apart', () => {
    const bare = { ...push, id: undefined, timestamp: 'yesterday' };
    const at = (receivedAtMs: number): string => eventsOf(parse([bare], null, receivedAtMs))[0]!.id;
    assert.equal(at(60_000), at(119_999));
    assert.notEqual(at(60_000), at(120_000));
  });
});
