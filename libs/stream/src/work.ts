import type { LogRecord } from './event-log.ts';
import type { JobRow } from './topology.ts';

/** What a task has to take in: a record that was read, a job whose run has ended, or that a table has changed. */
export type Work =
  | { readonly kind: 'record'; readonly record: LogRecord }
  | { readonly kind: 'job-end'; readonly job: JobRow; readonly end: JobEnd; readonly atMs: number }
  | { readonly kind: 'table'; readonly table: string; readonly atMs: number };

export type JobEnd =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly code: string;
      readonly reason: string;
      /** No try can mend it. */
      readonly final: boolean;
      readonly retryAtMs: number;
    };

/** Records per input topic. */
export function countByTopic(works: readonly Work[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const work of works) if (work.kind === 'record') counts.set(work.record.topic, (counts.get(work.record.topic) ?? 0) + 1);
  return counts;
}
