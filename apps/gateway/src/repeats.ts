import { createHash } from 'node:crypto';
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

type Known = { readonly ids: string; readonly said: string; readonly answer: Answer; readonly atMs: number };

/**
 * Remembers what has been made durable, so that a repeat is answered as the first was and appended no second time.
 *
 * The same bytes at the same endpoint are one delivery, and a repeat if they give the same events. They may give others: most senders
 * name a delivery in a header, and a signature over the body leaves the header to whoever has captured the request. There it is enough
 * that they say the same of the same images, as long as they hold the time of what happened; without a time in them the same bytes may
 * be a second push. What is read otherwise than before, because settings were mended meanwhile, is no repeat.
 */
export function createRepeats(nowMs: () => number): Repeats {
  // Two halves, of which the older goes as a whole: a map that loses its oldest entry for each new one steps over all that it has lost.
  let recent = new Map<string, Known>();
  let older: ReadonlyMap<string, Known> = new Map();

  const isSame = ({ images }: Receipt, { ids, said }: Known, { auth }: Pick<Source, 'auth'>): boolean =>
    ids === idsOf(images) || (signsBodyOnly(auth) && images.every(({ data }) => data.occurredAtMs !== null) && said === saidOf(images));

  return {
    find(receipt, source) {
      const earlier = recent.get(receipt.deliveryId) ?? older.get(receipt.deliveryId);
      if (earlier === undefined || nowMs() - earlier.atMs >= rememberMs) return undefined;
      return isSame(receipt, earlier, source) ? earlier.answer : undefined;
    },
    remember(receipt) {
      const { deliveryId, images } = receipt;
      recent.set(deliveryId, { ids: idsOf(images), said: saidOf(images), answer: answerTo(receipt), atMs: nowMs() });
      if (recent.size < deliveriesMax / 2) return;
      older = recent;
      recent = new Map();
    },
  };
}

export const answerTo = ({ deliveryId, images, ignoredCount, unread }: Receipt): Answer => ({
  deliveryId,
  events: images.length,
  ignored: ignoredCount,
  parked: unread?.count ?? 0,
});

type Images = Receipt['images'];
const idsOf = (images: Images): string => short(images.map(({ id }) => id).join());
const saidOf = (images: Images): string =>
  short(images.map(({ type, data }) => [type, data.registry, data.repository, data.tags.join(), data.digest].join(' ')).join('\n'));

/** A batch may name a thousand images. */
const short = (text: string): string => (text.length <= 44 ? text : createHash('sha256').update(text).digest('base64'));
