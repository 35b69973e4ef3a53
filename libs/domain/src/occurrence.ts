/**
 * When something happened to a tag, Unix ms: the registry's own time where it gives one, and never later than we heard of it.
 *
 * Webhooks come late, repeated and out of order, so what a tag is follows this and not their arrival. The bound keeps a clock that
 * was ahead once from making everything after it look old.
 */
export const happenedAtMs = (event: { readonly occurredAtMs: number | null; readonly receivedAtMs: number }): number =>
  Math.min(event.occurredAtMs ?? event.receivedAtMs, event.receivedAtMs);
