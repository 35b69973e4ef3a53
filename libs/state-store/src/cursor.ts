/**
 * Stands at a row of something that is in key order. Rows are read where they lie, since making objects of millions of them costs more
 * than all else that is done with them: what a cursor shows is good until it moves on.
 */
export type Cursor = {
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  /** Of a deleted row -1. */
  readonly valueEnd: number;
  /** To the first row, then to the next. @returns false behind the last one */
  readonly next: () => boolean;
};

export const isDeleted = ({ valueEnd }: Cursor): boolean => valueEnd < 0;

export const compareKeys = (a: Cursor, b: Cursor): number => a.bytes.compare(b.bytes, b.keyStart, b.keyEnd, a.keyStart, a.keyEnd);

export const keyText = ({ bytes, keyStart, keyEnd }: Cursor): string => bytes.toString('utf8', keyStart, keyEnd);

/** A copy. */
export const valueOf = ({ bytes, valueStart, valueEnd }: Cursor): Buffer => Buffer.from(bytes.subarray(valueStart, valueEnd));
