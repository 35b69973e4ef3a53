import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDelivery, settingsOf, type Headers } from '../../index.ts';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('gitea');

const headers = { 'x-gitea-event': 'package', 'x-gitea-delivery': 'd1', 'x-github-event': 'package' };
const delivery = (more: object = {}, action = 'created') => ({
  action,
  package: {
    owner: { login: 'Team' },
    type: 'container',
    name: 'Sub/App',
    version: 'v1',
    html_url: 'https://Git.example:3000/Team/-/packages/container/sub%2Fapp/v1',
    created_at: '2024-08-06T14:00:00+02:00',
    ...more,
  },
  sender: { login: 'ci' },
});

describe('a package', () => {
  it('is an image where it is a container; other events and formats are none', () => {
    assert.equal(eventOf(delivery(), { headers }).type, 'ImagePushed');
    for (const type of ['npm', 'helm', 'maven', 'generic'])
      assert.equal(reasonOf(delivery({ type }), { headers }), 'ignored: NOT_AN_IMAGE');
    for (const event of ['push', 'release', 'pull_request', 'action_run_success'])
      assert.equal(reasonOf({ ref: 'x' }, { headers: { ...headers, 'x-gitea-event': event } }), 'ignored: NOT_AN_IMAGE');
    assert.equal(reasonOf({}, { headers: { 'x-gitea-event': 'container_image' } }), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf(delivery({ type: undefined }), { headers }), 'malformed: FIELD_MISSING');
    for (const action of ['exploded', 7]) assert.equal(reasonOf({ ...delivery(), action }, { headers }), 'malformed: EVENT_UNKNOWN');
  });
  it('has its host from the page about it, port and all, and its name in lower case', () => {
    const { registry, repository } = pushOf(delivery(), { headers });
    assert.equal(`${registry}/${repository}`, 'git.example:3000/team/sub/app');
    assert.equal(reasonOf(delivery({ html_url: '/Team' }), { headers }), 'malformed: REGISTRY_MISSING');
    for (const half of [{ name: '' }, { owner: null }])
      assert.equal(reasonOf(delivery(half), { headers }), 'malformed: REPOSITORY_INVALID');
  });
  it('may be deleted, by tag or by digest', () => {
    const gone = (version: string) => eventOf(delivery({ version }, 'deleted'), { headers });
    assert.deepEqual([gone('v1').type, gone('v1').data.tags, gone('v1').data.digest], ['ImageDeleted', ['v1'], null]);
    assert.deepEqual([gone(digest).data.tags, gone(digest).data.digest], [[], digest]);
  });
  it('without a version is not taken for the whole repository', () => {
    for (const action of ['created', 'deleted'])
      assert.equal(reasonOf(delivery({ version: '' }, action), { headers }), 'malformed: FIELD_MISSING');
  });
  it('keeps a digest that is none as text', () =>
    assert.equal(pushOf(delivery({ version: 'sha256:short' }), { headers }).rawDigest, 'sha256:short'));
});

describe('a header', () => {
  const idOf = (around: Headers) => eventOf(delivery(), { headers: around }).data.sourceDeliveryId;
  it('of Forgejo counts before that of Gitea, and both before those that they imitate', () => {
    const imitated = { 'x-github-event': 'push', 'x-github-delivery': 'd4', 'x-gogs-event': 'package', 'x-gogs-delivery': 'd3' };
    assert.equal(idOf({ ...imitated, 'x-gitea-event': 'package', 'x-gitea-delivery': 'd2' }), 'd2');
    assert.equal(idOf({ ...imitated, 'x-gitea-event': 'push', 'x-forgejo-event': 'package', 'x-forgejo-delivery': 'd1' }), 'd1');
    assert.equal(idOf(imitated), 'd3');
    assert.equal(idOf({}), null);
  });
  it('with an empty signature is that of a hook without a secret, unless something else says who sends', () => {
    const unsigned = { ...headers, 'x-gitea-signature': '' };
    assert.equal(reasonOf(delivery(), { headers: unsigned }), 'malformed: SIGNATURE_EMPTY');
    assert.equal(eventOf(delivery(), { headers: { ...unsigned, authorization: 'Bearer x' } }).type, 'ImagePushed');
    assert.equal(eventOf(delivery(), { headers }).type, 'ImagePushed', 'as the log keeps it');
  });
});

describe('a form', () => {
  const read = (body: string) =>
    parseDelivery(
      'gitea',
      {
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: Buffer.from(body),
        receivedAtMs: 1,
      },
      settingsOf('test'),
    );
  it('holds the JSON in its field payload', () => {
    const parsed = read(
      new URLSearchParams({ other: 'x', payload: JSON.stringify(delivery({ version: 'a+b'.replace('+', '_') })) }).toString(),
    );
    assert.deepEqual(parsed.outcome === 'events' && parsed.events[0]?.data.tags, ['a_b']);
  });
  it('without that field is malformed', () => assert.equal(read('other=1').outcome, 'malformed'));
});
