import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDelivery, settingsOf } from '../../index.ts';
import { digest, otherDigest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('github');

const headers = { 'x-github-event': 'package', 'x-github-delivery': 'd1' };
const metadata = (tag: object | undefined, manifest: object | undefined) => ({ tag, manifest });
const version = {
  version: digest,
  created_at: '0001-01-01T00:00:00Z',
  updated_at: '0001-01-01T00:00:00Z',
  container_metadata: metadata({ name: 'v1', digest }, { digest, media_type: 'application/vnd.oci.image.manifest.v1+json', size: 7 }),
};
const about = { name: 'team/app', namespace: 'Example-Org', updated_at: '2024-08-06T12:00:00Z', package_version: version };
const delivery = (more: object = {}, moreVersion: object = {}, action = 'published') => ({
  action,
  package: { ...about, ...more, package_version: { ...version, ...moreVersion } },
  sender: { login: 'ci[bot]' },
});
/** The registry before ghcr.io. */
const old = {
  action: 'published',
  registry_package: {
    name: 'Server',
    package_type: 'docker',
    owner: { login: 'Owner' },
    package_version: {
      version: '1.2.3',
      manifest: JSON.stringify({
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
        config: { mediaType: 'application/vnd.docker.container.image.v1+json' },
      }),
      created_at: '2019-10-11T18:19:06Z',
      updated_at: '2019-11-01T05:30:31Z',
    },
    registry: { type: 'docker', url: 'https://docker.pkg.github.com/Owner/Repo' },
  },
  repository: { full_name: 'Owner/Repo' },
};

describe('a package', () => {
  it('is an image by what it has, whatever its ecosystem and type say', () => {
    assert.equal(eventOf(delivery({ ecosystem: 'npm', package_type: 'npm' }), { headers }).type, 'ImagePushed');
    for (const half of [metadata({ name: 'v1' }, undefined), metadata(undefined, { digest })])
      assert.equal(eventOf(delivery({ package_type: 'npm' }, { container_metadata: half }), { headers }).type, 'ImagePushed');
    const bare = { container_metadata: undefined };
    assert.equal(reasonOf(delivery({ ecosystem: 'docker', package_type: 'npm' }, bare), { headers }), 'ignored: NOT_AN_IMAGE');
    assert.equal(
      reasonOf(delivery({ registry: { type: 'maven' }, package_type: 'CONTAINER' }, bare), { headers }),
      'ignored: NOT_AN_IMAGE',
    );
    assert.equal(pushOf(delivery({ registry: { type: 'CONTAINER' } }, bare), { headers }).digest, digest);
  });
  it('is pushed by each of the actions that GitHub has had; others get parked', () => {
    for (const action of ['published', 'updated', 'create'])
      assert.equal(eventOf(delivery({}, {}, action), { headers }).type, 'ImagePushed');
    assert.equal(reasonOf(delivery({}, {}, 'explode'), { headers }), 'malformed: EVENT_UNKNOWN');
  });
  it('of Gitea, which comes under the same headers, gets parked', () => {
    const gitea = { action: 'created', package: { type: 'container', name: 'app', version: 'v1', owner: { login: 'team' } } };
    assert.equal(reasonOf(gitea, { headers }), 'malformed: EVENT_UNKNOWN');
  });
  it('without tag and digest says nothing', () => {
    const nothing = { version: '', container_metadata: metadata({ name: '', digest: '' }, { digest: '' }) };
    assert.equal(reasonOf(delivery({}, nothing), { headers }), 'malformed: FIELD_MISSING');
  });
});

describe('a name', () => {
  const nameOf = (body: unknown): string => {
    const { registry, repository } = pushOf(body, { headers });
    return `${registry}/${repository}`;
  };
  it('is that of the pull address, in lower case, with or without tag and digest', () => {
    for (const end of [':v1', ':', '', `@${digest}`])
      assert.equal(nameOf(delivery({}, { package_url: `ghcr.io/Owner/team%2FApp${end}` })), 'ghcr.io/owner/team/app');
    assert.equal(nameOf(delivery({}, { package_url: 'ghe.example:8443/owner/app:v1' })), 'ghe.example:8443/owner/app');
  });
  it('is else put together from the namespace, or the owner, and the name', () => {
    for (const package_url of ['', undefined, 'https://github.com/orgs/x/packages/container/app/9'])
      assert.equal(nameOf(delivery({}, { package_url })), 'ghcr.io/example-org/team/app');
    assert.equal(nameOf(delivery({ namespace: undefined, owner: { login: 'Some-One' } })), 'ghcr.io/some-one/team/app');
    for (const half of [{ name: '' }, { namespace: '' }])
      assert.equal(reasonOf(delivery(half), { headers }), 'malformed: REPOSITORY_INVALID');
  });
  it('has the host of its registry, for which GitHub has an inner address', () => {
    const at = (url: string) => nameOf(delivery({ registry: { type: 'CONTAINER', url } }));
    assert.equal(at('https://CONTAINER.pkg.github.com/Example-Org'), 'ghcr.io/example-org/team/app');
    assert.equal(at('https://containers.ghe.example/Example-Org'), 'containers.ghe.example/example-org/team/app');
    assert.equal(at('https://['), 'ghcr.io/example-org/team/app');
  });
});

describe('a delivery of 2019', () => {
  it('has the tag as its version, a folder per Git repository, and the manifest as text', () => {
    const push = pushOf(old, { headers: { 'x-github-event': 'registry_package' } });
    assert.equal(`${push.registry}/${push.repository}`, 'docker.pkg.github.com/owner/repo/server');
    assert.deepEqual([push.tags, push.digest, push.artifactKind], [['1.2.3'], null, 'image']);
    assert.equal(push.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    assert.equal(push.occurredAtMs, Date.UTC(2019, 10, 1, 5, 30, 31));
  });
  it('is of the registry of that time whatever its own address says, but for a server of one’s own', () => {
    const hostOf = (url: unknown) =>
      pushOf({ ...old, registry_package: { ...old.registry_package, registry: { type: 'docker', url } } }, { headers }).registry;
    for (const url of [undefined, 'https://ghcr.io/Owner/Repo']) assert.equal(hostOf(url), 'docker.pkg.github.com');
    assert.equal(hostOf('https://docker.ghe.example/Owner/Repo'), 'docker.ghe.example');
  });
  it('is told from a later one by what that has, not by its type', () =>
    assert.equal(pushOf(delivery({ package_type: 'docker' }), { headers }).repository, 'example-org/team/app'));
});

describe('a version', () => {
  it('has its tag where GitHub puts it; only where that is missing, the name of the version or of the address', () => {
    const tagsOf = (container_metadata: object, more: object) => pushOf(delivery({}, { container_metadata, ...more }), { headers }).tags;
    const pulled = { package_url: 'ghcr.io/owner/app:V2' };
    assert.deepEqual(tagsOf(metadata({ name: 'v1' }, {}), { name: 'other', ...pulled }), ['v1']);
    assert.deepEqual(tagsOf(metadata({ name: '' }, { digest }), { name: 'other', ...pulled }), []);
    assert.deepEqual(tagsOf(metadata(undefined, { digest }), { name: 'v3', ...pulled }), ['v3']);
    assert.deepEqual(tagsOf(metadata(undefined, { digest }), { name: digest, ...pulled }), []);
    assert.deepEqual(tagsOf(metadata(undefined, { digest }), pulled), ['V2']);
  });
  it('has the first digest that is one', () => {
    const commit = 'sha256:6c62fb45fe66bfb1ea9a66abc38f6a0cc974292b';
    const told = (manifest: string, tag: string, own: string) =>
      pushOf(delivery({}, { version: own, container_metadata: metadata({ name: 'v1', digest: tag }, { digest: manifest }) }), { headers });
    assert.equal(told(digest, otherDigest, otherDigest).digest, digest);
    assert.equal(told(commit, digest, otherDigest).digest, digest);
    assert.equal(told('', '', digest).digest, digest);
    assert.deepEqual([told(commit, '', '').digest, told(commit, '', '').rawDigest], [null, commit]);
  });
  it('has the time of its change, else of its making, else of the package’s change', () => {
    const atOf = (updated_at: string, created_at: string) => pushOf(delivery({}, { updated_at, created_at }), { headers }).occurredAtMs;
    assert.equal(atOf('2024-08-06T12:00:01Z', '2024-08-06T12:00:02Z'), Date.UTC(2024, 7, 6, 12, 0, 1));
    assert.equal(atOf('0001-01-01T00:00:00Z', '2024-08-06T12:00:02Z'), Date.UTC(2024, 7, 6, 12, 0, 2));
    assert.equal(atOf('', ''), Date.UTC(2024, 7, 6, 12));
  });
  it('that is a chart is told by its config', () => {
    const chart = metadata({ name: 'v1' }, { digest, config: { media_type: 'application/vnd.cncf.helm.config.v1+json' } });
    assert.equal(reasonOf(delivery({}, { container_metadata: chart }), { headers }), 'ignored: HELM_CHART');
  });
});

describe('an event of GitHub', () => {
  it('is told by its header; without one, by its keys', () => {
    assert.equal(reasonOf({ zen: 'Keep it simple.', hook_id: 1 }, { headers: { 'x-github-event': 'ping' } }), 'ignored: PING');
    assert.equal(reasonOf({ zen: 'Keep it simple.', hook_id: 1 }), 'ignored: PING');
    assert.equal(eventOf(delivery()).type, 'ImagePushed');
    assert.equal(reasonOf({ ref: 'refs/heads/main' }), 'malformed: EVENT_UNKNOWN');
  });
  it('that is about other things is no image; one that is not known gets parked', () => {
    for (const event of ['push', 'release', 'workflow_run'])
      assert.equal(reasonOf({}, { headers: { 'x-github-event': event } }), 'ignored: NOT_AN_IMAGE');
    assert.equal(reasonOf({}, { headers: { 'x-github-event': 'container_image' } }), 'malformed: EVENT_UNKNOWN');
  });
  it('sent again by hand has the same id; another push of the same image another', () => {
    const idOf = (delivery_: string) => eventOf(delivery(), { headers: { ...headers, 'x-github-delivery': delivery_ } }).id;
    assert.equal(idOf('d1'), idOf('d1'));
    assert.notEqual(idOf('d1'), idOf('d2'));
  });
  it('may come as a form', () => {
    const around = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
    const body = Buffer.from(new URLSearchParams({ payload: JSON.stringify(delivery()) }).toString());
    const parsed = parseDelivery('github', { headers: around, body, receivedAtMs: 1 }, settingsOf('test'));
    assert.deepEqual(parsed.outcome === 'events' && parsed.events[0]?.data.tags, ['v1']);
    assert.equal(reasonOf(delivery(), { headers: around }), 'malformed: BODY_NOT_JSON');
  });
});
