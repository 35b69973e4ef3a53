import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';
import { findEcrHost } from './ecr-host.ts';

const { parse, eventOf, pushOf, reasonOf } = readerOf('ecr');

const imageAction = (detail: object = {}, more: object = {}) => ({
  ...{ version: '0', id: 'bridge-1', 'detail-type': 'ECR Image Action', source: 'aws.ecr', account: '123456789012' },
  ...{ time: '2024-08-06T12:00:00Z', region: 'eu-central-1', resources: [], ...more },
  detail: { result: 'SUCCESS', 'repository-name': 'team/app', 'image-digest': digest, 'action-type': 'PUSH', 'image-tag': '1', ...detail },
});
const envelope = (message: unknown, more: object = {}) => ({
  ...{ Type: 'Notification', MessageId: 'sns-1', TopicArn: 'arn:aws:sns:eu-central-1:123456789012:ecr' },
  Message: JSON.stringify(message),
  ...more,
});

describe('an image action', () => {
  it('says push or deletion by its action-type, not by its detail-type', () => {
    assert.equal(eventOf(imageAction()).type, 'ImagePushed');
    const { type, data } = eventOf(imageAction({ 'action-type': 'DELETE' }));
    assert.deepEqual([type, data.tags, data.digest], ['ImageDeleted', ['1'], digest]);
    assert.equal(reasonOf(imageAction({ 'action-type': 'UPDATE_STORAGE_CLASS' })), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf(imageAction({ 'action-type': 'EXPLODE' })), 'malformed: EVENT_UNKNOWN');
  });
  it('that failed made nothing available', () => assert.equal(reasonOf(imageAction({ result: 'FAILURE' })), 'ignored: NOT_A_PUSH'));
  it('without tag and digest says nothing', () =>
    assert.equal(reasonOf(imageAction({ 'image-tag': '', 'image-digest': undefined })), 'malformed: FIELD_MISSING'));
  it('tells the manifest type from the config type', () => {
    const types = { 'manifest-media-type': 'application/vnd.oci.image.manifest.v1+json', 'artifact-media-type': 'application/vnd.x' };
    const { mediaType, configMediaType } = pushOf(imageAction(types));
    assert.deepEqual([mediaType, configMediaType], Object.values(types));
  });
  it('of a day that is not in the calendar has no time, and is a push all the same', () =>
    assert.equal(pushOf(imageAction({}, { time: '2023-02-29T02:36:48Z' })).occurredAtMs, null));
  it('needs a message of EventBridge around it only for its account and region', () =>
    assert.equal(reasonOf(imageAction({}, { account: 'nobody' })), 'malformed: REGISTRY_MISSING'));
});

describe('an event that an input transformer has made a CloudEvent', () => {
  const transformed = {
    ...{ specversion: '1.0', id: 'bridge-1', type: 'com.amazon.ecr.image.push', time: '2024-08-06T12:00:00Z' },
    source: 'urn:aws:ecr:eu-central-1:123456789012:repository/team/app',
    data: { repositoryName: 'team/app', imageDigest: digest, imageTag: '1', registryId: '123456789012' },
  };
  it('is read as one', () => {
    const { registry, repository, tags, sourceDeliveryId } = pushOf(transformed);
    assert.equal(registry, '123456789012.dkr.ecr.eu-central-1.amazonaws.com');
    assert.deepEqual([repository, tags, sourceDeliveryId], ['team/app', ['1'], 'bridge-1']);
  });
  it('and that is none of ECR is parked', () =>
    assert.equal(reasonOf({ ...transformed, type: 'com.example.container.push' }), 'malformed: EVENT_UNKNOWN'));
});

describe('other events of ECR', () => {
  it('are ignored by name, and parked without a known one', () => {
    for (const kind of [
      'ECR Image Scan',
      'ECR Scan Resource Change',
      'ECR Replication Action',
      'ECR Pull Through Cache Action',
      'ECR Referrer Action',
    ])
      assert.equal(reasonOf(imageAction({}, { 'detail-type': kind })), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf(imageAction({}, { 'detail-type': 'EC2 Instance State-change Notification' })), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf({}), 'malformed: EVENT_UNKNOWN');
  });
});

describe('SNS', () => {
  it('carries the event as text; the id within counts, so that both ways give one event', () => {
    const { id, data } = eventOf(envelope(imageAction()));
    assert.ok('transportDeliveryId' in data);
    assert.deepEqual([data.sourceDeliveryId, data.transportDeliveryId], ['bridge-1', 'sns-1']);
    assert.equal(id, eventOf(imageAction()).id);
    assert.deepEqual(eventOf(imageAction(), { headers: { 'x-amz-sns-message-id': 'sns-1' } }), { ...eventOf(envelope(imageAction())) });
  });
  it('carries anything else too: what is no event is parked', () => {
    assert.equal(reasonOf(envelope(0, { Message: 'hello' })), 'malformed: BODY_NOT_JSON');
    assert.equal(reasonOf(envelope(0, { Message: undefined })), 'malformed: BODY_NOT_JSON');
    assert.equal(reasonOf(envelope([])), 'malformed: EVENT_UNKNOWN');
    assert.equal(reasonOf(envelope(0, { Message: '['.repeat(9_999) })), 'malformed: BODY_TOO_DEEP');
  });
  it('asks for a confirmation with an address, which the caller checks', () => {
    const parsed = parse({ Type: 'SubscriptionConfirmation', SubscribeURL: 'https://sns.eu-central-1.amazonaws.com/?x' });
    assert.ok(parsed.outcome === 'handshake');
    assert.deepEqual(parsed.handshake, { kind: 'confirm', url: 'https://sns.eu-central-1.amazonaws.com/?x' });
    assert.equal(reasonOf({ Type: 'SubscriptionConfirmation' }), 'malformed: FIELD_MISSING');
  });
  it('is never asked to subscribe again after its end', () =>
    assert.equal(reasonOf({ Type: 'UnsubscribeConfirmation', SubscribeURL: 'https://example.com' }), 'ignored: NOT_ABOUT_IMAGES'));
});

describe('the host of a registry', () => {
  it('follows from account and region, with the domain of its partition', () => {
    const hosts = ['us-gov-west-1', 'cn-northwest-1', 'us-iso-east-1', 'us-isob-east-1', 'ap-southeast-7'].map((region) =>
      findEcrHost('123456789012', region)?.replace(/^123456789012[.]dkr[.]ecr[.]/, ''),
    );
    assert.deepEqual(hosts, [
      'us-gov-west-1.amazonaws.com',
      'cn-northwest-1.amazonaws.com.cn',
      'us-iso-east-1.c2s.ic.gov',
      'us-isob-east-1.sc2s.sgov.gov',
      'ap-southeast-7.amazonaws.com',
    ]);
  });
  it('is none of what is no account or no region', () => {
    for (const account of ['12345678901', '1234567890123', 123456789012, null, 'a'.repeat(12)])
      assert.equal(findEcrHost(account, 'us-east-1'), undefined);
    for (const region of ['', 'us', 'us-east', 'evil.example/', 'us-east-1.evil.example', 'US-EAST-1', null])
      assert.equal(findEcrHost('123456789012', region), undefined);
  });
});
