/** What a sender chose freely (an actor, a tag's name) must not steer the terminal: control characters become a visible mark. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');

/** At most `length` characters, with `…` where something is cut. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : length <= 0 ? '' : `${text.slice(0, length - 1)}…`;

/** Lines of at most `width` characters, broken between words where that can be. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** Digests in a text, as short as tells them apart at a glance. */
export const shortDigests = (text: string): string => text.replace(/(sha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,116}/g, '$1');

/** First part of a UUID. */
export const shortId = (id: string): string => id.slice(0, 8);

/** `5 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const pairs = [
    [86_400, 'd', 3_600, 'h'],
    [3_600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ] as const;
  const [big, bigName, small, smallName] = pairs.find(([size]) => seconds >= size) ?? pairs[2];
  return `${Math.floor(seconds / big)} ${bigName} ${Math.floor((seconds % big) / small)} ${smallName}`;
}

/** Times are in UTC, as in the logs. */
export const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 23);
export const dateTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

export const grouped = (count: number): string => count.toLocaleString('en-US');
/** `1 blob`, `1,200 blobs` */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;

/** `512 B`, `3.4 MiB`: three digits that count, in powers of 1,024. */
export function byteCount(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1_024 ** power;
  return `${power === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
