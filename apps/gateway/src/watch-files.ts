import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export type WatchedFiles = {
  /** Looks at once. Resolves when it has been looked, and `onChange` has been called where there was a change. */
  readonly check: () => Promise<void>;
  readonly close: () => void;
};

/**
 * Looks at files again and again, rather than being told: it is the only way that holds for an edit in place, a rename, a symlink that
 * is turned as Kubernetes does, and a network disk alike. The first look is always a change: nobody knows what happened before it.
 * @param files which they are by now: what is read from one may name others
 * @param onChange must not throw
 */
export function watchFiles(files: () => readonly string[], everyMs: number, onChange: () => void): WatchedFiles {
  let seen: string | undefined;

  async function look(): Promise<void> {
    const before = files();
    const now = await fingerprintOf(before);
    if (now === seen) return;
    seen = now; // Of files as they were before they are read: what changes meanwhile is a change to the next look.
    onChange();
    if (files().some((file) => !before.includes(file))) seen = undefined; // Named only now, and read before they were looked at.
  }

  let looking: Promise<void> = Promise.resolve();
  const check = (): Promise<void> => (looking = looking.then(look));
  const closed = new AbortController();
  const watch = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      await sleep(everyMs, undefined, { signal: closed.signal, ref: false }).catch(() => undefined);
      if (!closed.signal.aborted) await check();
    }
  };
  void watch();
  return { check, close: () => closed.abort() };
}

/** Changes with what is behind each path, also where that is another file of the same size and time. */
async function fingerprintOf(files: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    files.map((file) =>
      stat(file, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '),
        () => 'gone',
      ),
    ),
  );
  return marks.join('\n');
}
