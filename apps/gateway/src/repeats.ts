import { signsBodyOnly, type Receipt } from '@waybill/webhook-sources';
import { KnownDeliveries, type Found } from './known-deliveries.ts';
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
/** 3 MiB. */
const deliveriesMax = 50_000;

/**
 * Remembers what has been made durable, so that a repeat is answered as the first was and appended no second time.
 *
 * The same bytes at the same endpoint are one delivery, and a repeat if they give the same events. They may give others: most senders
 * name a delivery in a header, and a signature over the body leaves the header to whoever has captured the request. There it is enough
 * that they say the same of the same images, as long as they hold the time of what happened; without a time in them the same bytes may
 * be a second push. What is read otherwise than before, because settings were mended meanwhile, is no repeat.
 */
export function createRepeats(nowMs: () => number): Repeats {
  const known = new KnownDeliveries(deliveriesMax);

  const isSame = ({ images }: Receipt, { hasIds, hasSaid }: Found, { auth }: Pick<Source, 'auth'>): boolean =>
    hasIds(idsOf(images)) || (signsBodyOnly(auth) && images.every(({ data }) => data.occurredAtMs !== null) && hasSaid(saidOf(images)));

  return {
    find(receipt, source) {
      const { deliveryId } = receipt;
      const earlier = known.find(deliveryId);
      if (earlier === undefined || nowMs() - earlier.atMs >= rememberMs || !isSame(receipt, earlier, source)) return undefined;
      const { events, ignored, parked } = earlier;
      return { deliveryId, events, ignored, parked };
    },
    remember(receipt) {
      const { deliveryId, images } = receipt;
      known.set(deliveryId, { ...answerTo(receipt), ids: idsOf(images), said: saidOf(images), atMs: nowMs() });
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
const idsOf = (images: Images): string => images.map(({ id }) => id).join();
const saidOf = (images: Images): string =>
  images.map(({ type, data }) => [type, data.registry, data.repository, data.tags.join(), data.digest].join(' ')).join('\n');
