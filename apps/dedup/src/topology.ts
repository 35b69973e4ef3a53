import { digestKey, repositoryKey, tagKey, topics } from '@waybill/domain';
import { isEvent, type Context, type Input, type Put, type Step, type Topology } from '@waybill/stream';
import { digestDeleted, digestPulled, digestPushed, tagDeleted, tagPushed } from './catalog.ts';

/**
 * waybill.image-events.v1 -> each occurrence once -> waybill.images.v1; what tags and digests are in waybill.catalog.v1.
 *
 * An occurrence is known by its event id, which stands for registry, repository, tags, digest and the registry's own mark of the
 * occurrence: the same digest in another repository or under another tag, or pushed again, is another one. The mark, the
 * catalog and the event passed on are one transaction: no crash can mark without passing on.
 */
export const dedup: Topology = {
  group: 'dedup',
  inputs: [topics.imageEvents],
  stores: { catalog: topics.catalog },
  marks: { seen: { topic: topics.dedupMarks, ttlMs: 30 * 24 * 60 * 60 * 1_000 } },
  outputs: [topics.images],
  held: topics.dedupHeld,
  rebuild: 'inputs',
  handle(input, context): Step {
    if (input.kind !== 'event') return { ignored: 'no event' };
    const { event } = input;
    if (context.isMarked('seen', event.meta.id)) return { ignored: 'already seen' };
    const mark = [{ marks: 'seen', id: event.meta.id }];
    const put = catalogRows(input, context);
    if (event.type === 'ImagePushed' || event.type === 'ImageDeleted') {
      return { mark, put, emit: [{ topic: topics.images, key: repositoryKey(event.data), forward: event }] };
    }
    return { mark, put, ignored: 'a pull is counted, not passed on' };
  },
};

function catalogRows(input: Input, context: Context): readonly Put[] {
  if (isEvent(input, 'ImagePushed')) {
    const { data, meta } = input.event;
    const tags = data.tags.map((tag) =>
      tagRow(tagKey(data, tag), tagPushed(context.get('catalog', tagKey(data, tag), 'TagEntry'), tag, data, meta.id)),
    );
    if (data.digest === null) return tags;
    const key = digestKey(data, data.digest);
    return [...tags, digestRow(key, digestPushed(context.get('catalog', key, 'DigestEntry'), data.digest, data, meta.id))];
  }
  if (isEvent(input, 'ImagePulled')) {
    const { data, meta } = input.event;
    if (data.digest === null) return [];
    const key = digestKey(data, data.digest);
    return [digestRow(key, digestPulled(context.get('catalog', key, 'DigestEntry'), data.digest, data, meta.id))];
  }
  if (isEvent(input, 'ImageDeleted')) {
    const { data, meta } = input.event;
    const tags = data.tags.map((tag) =>
      tagRow(tagKey(data, tag), tagDeleted(context.get('catalog', tagKey(data, tag), 'TagEntry'), tag, data, meta.id)),
    );
    const key = data.digest === null ? undefined : digestKey(data, data.digest);
    const entry = key === undefined ? undefined : context.get('catalog', key, 'DigestEntry');
    // Other tags of a manifest that was deleted by digest are not known here; they show when the registry is read.
    return entry ? [...tags, digestRow(key!, digestDeleted(entry, data, meta.id))] : tags;
  }
  return [];
}

const tagRow = (key: string, data: ReturnType<typeof tagPushed>): Put => ({ store: 'catalog', key, row: { type: 'TagEntry', data } });
const digestRow = (key: string, data: ReturnType<typeof digestPushed>): Put => ({
  store: 'catalog',
  key,
  row: { type: 'DigestEntry', data },
});
