import { hash } from 'node:crypto';

/** JSON with sorted keys and no blanks, as in RFC 8785 for the plain values that policies and facts hold. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const names = Object.keys(value).toSorted();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical((value as Record<string, unknown>)[name])}`).join(',')}}`;
}

/** Lower-case hex. */
export const sha256 = (text: string): string => hash('sha256', text);
