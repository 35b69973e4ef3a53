import type { Question } from '../surroundings.ts';
import { Unknown, type Result } from './value.ts';

/** Something that conditions can ask for: its type in CEL, and how it is found out. */
export type Fact = { readonly type: string; readonly read: (question: Question) => Result };
/** By the names that follow the dot. */
export type Facts = Readonly<Record<string, Fact>>;

export const fact = (type: string, read: Fact['read']): Fact => ({ type, read });

/** One that nothing delivers for every image. */
export const known = (value: Result | undefined, awaited: string): Result => value ?? new Unknown([awaited]);

const hourMs = 60 * 60 * 1000;

/** Full hours of UTC since 1970: conditions see no finer time, so that whoever waits for a change knows when to look again. */
export const hourOf = (atMs: number): number => Math.floor(atMs / hourMs);
export const msOf = (hour: number): number => hour * hourMs;
