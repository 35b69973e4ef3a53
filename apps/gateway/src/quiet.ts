/**
 * Lets one of many equal messages through per interval, so that whoever knocks cannot fill a disk with log lines.
 * @returns for a key: how many were held back since the last one, or undefined where this one is to be held back too
 */
export function createQuiet(intervalMs: number, nowMs: () => number): (key: string) => number | undefined {
  const spoken = new Map<string, { atMs: number; heldBack: number }>();
  return (key) => {
    const last = spoken.get(key);
    if (last !== undefined && nowMs() - last.atMs < intervalMs) {
      last.heldBack++;
      return undefined;
    }
    spoken.set(key, { atMs: nowMs(), heldBack: 0 });
    return last?.heldBack ?? 0;
  };
}
