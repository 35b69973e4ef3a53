import { isDeepStrictEqual } from 'node:util';
import type { Event } from '@waybill/domain';

/**
 * An event of a delivery, then and now. `same`: it is in the log as it would be now. `changed`: it is there under this id and says
 * something else; nothing can change that, for readers drop the id when it comes again. `new`: it is not there. `gone`: it is there,
 * and would not be said now.
 */
export type Difference = {
  readonly verdict: 'same' | 'changed' | 'new' | 'gone';
  readonly type: string;
  readonly id: string;
  readonly subject: string;
  /** Names of the fields that differ, where it is `changed`. */
  readonly fields: readonly string[];
};

/** In the order of `now`, and after them what is gone. */
export function compareEvents(then: readonly Event[], now: readonly Event[]): readonly Difference[] {
  const known = new Map(then.map((event) => [event.meta.id, event]));
  const wanted = new Set(now.map(({ meta }) => meta.id));
  const told = now.map((event): Difference => {
    const before = known.get(event.meta.id);
    if (before === undefined) return differenceOf('new', event);
    const fields = changedFields(before, event);
    return differenceOf(fields.length === 0 ? 'same' : 'changed', event, fields);
  });
  return [...told, ...then.filter(({ meta }) => !wanted.has(meta.id)).map((event) => differenceOf('gone', event))];
}

const differenceOf = (verdict: Difference['verdict'], { type, meta }: Event, fields: readonly string[] = []): Difference => ({
  ...{ verdict, type, id: meta.id, subject: meta.subject, fields },
});

function changedFields(then: Event, now: Event): readonly string[] {
  const [before, after] = [then.data as Readonly<Record<string, unknown>>, now.data as Readonly<Record<string, unknown>>];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter((name) => !isDeepStrictEqual(before[name] ?? null, after[name] ?? null)).sort();
}
