import type { Writer } from './rows.ts';

/** Counts up or down. What is counted down to nothing is removed where `isForgotten`: such counters are as many as keys. */
export function add(draft: Writer, counter: string, change: number, isForgotten = false): void {
  const count = (draft.get('counters', counter) ?? 0) + change;
  if (count === 0 && isForgotten) draft.remove('counters', counter);
  else draft.put('counters', counter, count);
}
