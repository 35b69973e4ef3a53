import { Refusal } from './refusal.ts';

/** @throws Refusal `SIGNATURE_MALFORMED` for what is no JSON object */
export function parseObject(text: Buffer | string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text.toString('utf8'));
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null) throw new Refusal('SIGNATURE_MALFORMED', 'what it holds is no JSON object');
  return value as Readonly<Record<string, unknown>>;
}
