/** Somebody wants this to end: Ctrl-C, or whoever runs it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(signalName: NodeJS.Signals) {
    super(`ended by ${signalName}`);
  }
}

/**
 * Runs what can be ended in good order. The first SIGINT or SIGTERM fires its signal with an {@link Interrupted}; a second one ends the
 * process at once, as it would have without this.
 */
export async function untilInterrupted<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const names = ['SIGINT', 'SIGTERM'] as const;
  const onSignal = (name: NodeJS.Signals): void => {
    for (const each of names) process.off(each, onSignal);
    stop.abort(new Interrupted(name));
  };
  for (const name of names) process.on(name, onSignal);
  try {
    return await run(stop.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}
