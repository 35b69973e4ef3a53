import type { File } from './files.ts';

/**
 * A file of records, written by one process from its beginning: a process that starts never goes on in the file of another one.
 * Number and salt are in its name, so that no damage of its content can touch them.
 */
export type Segment = {
  readonly name: string;
  /** Higher than that of every earlier segment. */
  readonly number: number;
  readonly salt: number;
  readonly file: File;
  /** Of whole records that are durable; what may lie behind them was promised to nobody. */
  bytes: number;
};

const pattern = /^(\d{10})[.]([0-9a-f]{8})[.]v1[.]spool$/;

export const segmentName = (number: number, salt: number): string =>
  `${String(number).padStart(10, '0')}.${salt.toString(16).padStart(8, '0')}.v1.spool`;

export function findSegment(name: string): { readonly name: string; readonly number: number; readonly salt: number } | undefined {
  const [, number, salt] = pattern.exec(name) ?? [];
  return number === undefined || salt === undefined ? undefined : { name, number: Number(number), salt: Number.parseInt(salt, 16) };
}

/** Where the bytes lie that are no record: beside their segment, and named after the place where they stood. */
export const asideName = (segment: string, at: number): string => `${segment}.${at}.damaged`;
