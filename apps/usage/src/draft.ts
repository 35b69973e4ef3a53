import type { TypedRecord } from '@waybill/domain';
import type { Context, Emit, JobRequest, Step } from '@waybill/stream';

type Mark = NonNullable<Step['mark']>[number];
type RowType = 'CopyState' | 'DeletionState' | 'PullState' | 'TenantTotal' | 'RegistryTotal';
type RowOf<T extends RowType> = Extract<TypedRecord, { readonly type: T }>['data'];

/** Rows as one input changes them: one input can touch a row several times, and the context only shows them as they were before. */
export type Draft = {
  /** Of the input. */
  readonly atMs: number;
  readonly partition: number;
  readonly get: <T extends RowType>(key: string, type: T) => RowOf<T> | undefined;
  readonly put: (key: string, row: { readonly [T in RowType]: { readonly type: T; readonly data: RowOf<T> } }[RowType]) => void;
  /** Keys that begin with some text, of rows as they were before. */
  readonly keys: (prefix: string, limit: number) => readonly string[];
  readonly emit: (emit: Emit) => void;
  readonly mark: (mark: Mark) => void;
  /** Counted by name. */
  readonly note: (what: string) => void;
  /** Has a row told at a moment, by its key. */
  readonly tellAt: (key: string, notBeforeMs: number) => void;
  /** @param nothing why, where no event follows */
  readonly step: (nothing: string) => Step;
};

/** What wakes for a row that is to be told; its partition is not told with a timer. */
export type Due = { readonly key: string; readonly partition: number };

export const tellTimer = 'tell';
const store = 'usage';

export function createDraft(context: Context, { atMs, partition }: { readonly atMs: number; readonly partition: number }): Draft {
  const rows = new Map<string, TypedRecord>();
  const [emits, marks, notes, timers]: [Emit[], Mark[], string[], JobRequest[]] = [[], [], [], []];
  return {
    ...{ atMs, partition },
    get: <T extends RowType>(key: string, type: T) => {
      const row = rows.get(key);
      if (row === undefined) return context.get(store, key, type) as RowOf<T> | undefined;
      return row.type === type ? (row.data as RowOf<T>) : undefined;
    },
    put: (key, row) => void rows.set(key, row),
    keys: (prefix, limit) => context.keys(store, { after: prefix, limit }).filter((key) => key.startsWith(prefix)),
    emit: (emit) => void emits.push(emit),
    mark: (mark) => void marks.push(mark),
    note: (what) => void notes.push(what),
    tellAt(key, notBeforeMs) {
      const id = `${key}@${partition}`;
      // It is about no image alone: in the journey of the one that came first it has no place.
      timers.push({ id, kind: tellTimer, key, payload: { key, partition } satisfies Due, notBeforeMs, correlationId: id });
    },
    step: (nothing) => ({
      ...{ emit: emits, mark: marks, noted: notes, schedule: timers },
      put: [...rows].map(([key, row]) => ({ store, key, row })),
      ...(emits.length === 0 ? { ignored: nothing } : {}),
    }),
  };
}
