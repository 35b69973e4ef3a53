import { digestKey, tagKey, topics, type DecisionState, type ImageEvidence } from '@waybill/domain';
import { recordedEvidence, type About, type Evidence } from '@waybill/policy-engine';
import { readProjection, versionTopic, type Codec, type EventLog } from '@waybill/stream';
import { rowsOf, type OnRead } from './log-rows.ts';

/** A tag that is there now: all that is known of its image, and where the newest decision sends it. */
export type KnownImage = Pick<About, 'sentTo' | 'earlier'> & { readonly evidence: Evidence };

export type KnownImages = {
  readonly images: readonly KnownImage[];
  /** Older tags that were left out, because there are more than were asked for; one that changed while it was read counts again. */
  readonly leftOutCount: number;
};

/** What the live version of `apps/policy` decides by, newest tags first to be kept. @param countMax Bounds the memory */
export async function readKnownImages(log: EventLog, codec: Codec, countMax: number, onRead?: OnRead): Promise<KnownImages> {
  const { liveVersion } = await readProjection(log, codec, 'policy');
  const tags = new Map<string, DecisionState>();
  let leftOutCount = 0;
  for await (const { key, row } of rowsOf(log, codec, versionTopic(topics.decisionState, liveVersion), onRead)) {
    tags.delete(key);
    if (row?.type !== 'DecisionState' || row.data.status === 'deleted' || row.data.digest === '') continue;
    tags.set(tagKey(row.data, row.data.tag), row.data);
    if (tags.size <= countMax) continue;
    tags.delete(tags.keys().next().value!);
    leftOutCount += 1;
  }
  const images = await readImages({ log, codec, onRead }, [...tags.values()], liveVersion);
  return { images, leftOutCount };
}

type Reading = { readonly log: EventLog; readonly codec: Codec; readonly onRead: OnRead | undefined };

async function readImages(
  { log, codec, onRead }: Reading,
  tags: readonly DecisionState[],
  version: number,
): Promise<readonly KnownImage[]> {
  const wanted = new Set(tags.map((tag) => digestKey(tag, tag.digest)));
  const found = new Map<string, ImageEvidence>();
  for await (const { key, row } of rowsOf(log, codec, versionTopic(topics.policyEvidence, version), onRead)) {
    if (!wanted.has(key)) continue;
    if (row?.type === 'ImageEvidence') found.set(key, row.data);
    else found.delete(key);
  }
  return tags.flatMap((tag) => {
    const recorded = found.get(digestKey(tag, tag.digest));
    if (recorded === undefined) return [];
    const { toldOutcome, targets, earlierImages: images, earlierBytes: bytes } = tag;
    return [{ evidence: recordedEvidence(tag, recorded), sentTo: toldOutcome === 'allow' ? targets : [], earlier: { images, bytes } }];
  });
}
