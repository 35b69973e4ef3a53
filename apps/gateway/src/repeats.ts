import { signsBodyOnly, type Receipt } from '@waybill/webhook-sources';
import type { Source } from './sources.ts';

/** What a sender is told of a delivery. */
export type Answer = { readonly deliveryId: string; readonly events: number; readonly ignored: number; readonly parked: number };

export type Repeats = {
  /** The answer that the same delivery got before; undefined for one that is to be kept. */
  readonly find: (receipt: Receipt, source: Pick<Source, 'auth'>) => Answer | undefined;
  /** To be called once it is durable, and only then: what failed at our end is to be done when it comes again. */
  readonly remember: (receipt: Receipt) => void;
};

/** Senders repeat within minutes what was not acknowledged, and within an hour what a person sends again. */
const rememberMs = 3_600_000;
/** About 20 MiB. */
const deliveriesMax = 50_000;
const idsLengthMax = 16_384;

type Known = { readonly ids: string; readonly answer: Answer; readonly atMs: number };

/**
 * Remembers what has been made durable, so that a repeat is answered as the first was and appended no second time.
 *
 * The same bytes at the same endpoint are one delivery, and a repeat if they give the same events. They may give others: most senders
 * name a delivery in a header, and a signature over the body leaves the header to whoever has captured the request. There the bytes
 * decide, as long as they hold the time of what happened; without a time in them the same bytes may be a second push.
 */
export function createRepeats(nowMs: () => number): Repeats {
  const known = new Map<string, Known>();

  const isSame = ({ images }: Receipt, ids: string, { auth }: Pick<Source, 'auth'>): boolean =>
    ids === idsOf(images) || (signsBodyOnly(auth) && images.every(({ data }) => data.occurredAtMs !== null));

  return {
    find(receipt, source) {
      const earlier = known.get(receipt.deliveryId);
      if (earlier === undefined || nowMs() - earlier.atMs >= rememberMs) return undefined;
      return isSame(receipt, earlier.ids, source) ? earlier.answer : undefined;
    },
    remember(receipt) {
      const ids = idsOf(receipt.images);
      if (ids.length > idsLengthMax) return;
      known.delete(receipt.deliveryId);
      known.set(receipt.deliveryId, { ids, answer: answerTo(receipt), atMs: nowMs() });
      if (known.size > deliveriesMax) known.delete(known.keys().next().value!);
    },
  };
}

export const answerTo = ({ deliveryId, images, ignoredCount, unread }: Receipt): Answer => ({
  deliveryId,
  events: images.length,
  ignored: ignoredCount,
  parked: unread?.count ?? 0,
});

const idsOf = (images: Receipt['images']): string => images.map(({ id }) => id).join();
