import {
  findCanonicalPush,
  ignoredReasons,
  malformedReasons,
  type CanonicalPush,
  type ImageEvent,
  type Receipt,
  type Rest,
} from '@waybill/webhook-sources';

/** What a delivery would become, for whoever sets an endpoint up. */
export type Preview = {
  readonly deliveryId: string;
  readonly outcome: Receipt['outcome'];
  /** `answer`: the gateway would answer in the sender's own protocol. `confirm`: it would be asked to confirm a subscription. */
  readonly handshake: 'answer' | 'confirm' | null;
  readonly pushes: readonly CanonicalPush[];
  readonly events: readonly ImageEvent[];
  /** Parts of the delivery that give no event, counted from 0, and why. */
  readonly rest: readonly { readonly part: number; readonly kind: Rest['kind']; readonly code: string; readonly reason: string }[];
};

export const previewOf = ({ deliveryId, outcome, handshake, images, rest }: Receipt): Preview => ({
  deliveryId,
  outcome,
  handshake: handshake?.kind ?? null,
  pushes: images.flatMap((image) => findCanonicalPush(image) ?? []),
  events: images.map(({ id, type, data }) => ({ id, type, data }) as ImageEvent),
  rest: rest.map((part) => ({ part: part.index, kind: part.kind, code: part.reason, reason: textOf(part) })),
});

const textOf = (part: Rest): string => (part.kind === 'ignored' ? ignoredReasons[part.reason] : malformedReasons[part.reason]);
