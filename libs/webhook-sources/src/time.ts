const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
/** End of the year 9999. Milliseconds taken for seconds come out later than this. */
const msMax = 253_402_300_799_999;

/**
 * RFC 3339 to Unix ms, cut to whole ms. Null for a text without a zone, a date that is not in the calendar, and times before 1970,
 * among them the zero time `0001-01-01T00:00:00Z` that Go programs send for "none".
 */
export function findRfc3339Ms(value: unknown): number | null {
  if (typeof value !== 'string' || value.length > 64) return null;
  const match = rfc3339.exec(value);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // `Date` rolls 30 February over into March, and any other day that is none into another month.
  const isReal = date.getUTCMonth() === month - 1 && hour <= 23 && minute <= 59 && second <= 59;
  const [offsetHours, offsetMinutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (!isReal || offsetHours > 23 || offsetMinutes > 59) return null;
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[8] === '-' ? -1 : 1);
  const fractionMs = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  return inRange(date.getTime() + fractionMs - offsetMs);
}

/** Unix seconds, whole or with a fraction, to Unix ms. Null for anything else, and for what is out of range. */
export const findSecondsMs = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? inRange(Math.floor(value * 1000)) : null;

const inRange = (ms: number): number | null => (ms > 0 && ms <= msMax ? ms : null);
