import { setTimeout as sleep } from 'node:timers/promises';
import type { Append } from './batcher.ts';
import type { Encoding } from './topology.ts';

/** Where records go. */
export type Log = {
  /** Undefined until Kafka and the schema registry have been reached: they say how many partitions there are, and the schemas' ids. */
  readonly encoding: () => Encoding | undefined;
  /** Rejects until there is an encoding. */
  readonly append: Append;
};

/** A log that has been reached. */
export type Reached = { readonly encoding: Encoding; readonly append: Append; readonly close: () => Promise<void> };

export type LateLog = Log & { readonly close: () => Promise<void> };

/** How long a try that is under way is waited for: it may have connections to close. */
const closeMsMax = 1_000;

/** A log that need not be there yet: it is looked for until it is reached. @param onFailure told why a try has failed */
export function lateLog(connect: () => Promise<Reached>, onFailure: (error: unknown) => void, pauseMs = 2_000): LateLog {
  const closed = new AbortController();
  let reached: Reached | undefined;

  async function reach(): Promise<void> {
    while (!closed.signal.aborted) {
      try {
        reached = await connect();
        return;
      } catch (error) {
        onFailure(error);
        await sleep(pauseMs, undefined, { signal: closed.signal, ref: false }).catch(() => undefined);
      }
    }
  }
  const reaching = reach();

  return {
    encoding: () => reached?.encoding,
    append: (records) => (reached === undefined ? Promise.reject(new Error('Kafka has not been reached yet')) : reached.append(records)),
    async close() {
      closed.abort();
      await Promise.race([reaching, sleep(closeMsMax, undefined, { ref: false })]);
      await reached?.close();
    },
  };
}

/** A log that is there. */
export const givenLog = ({ encoding, append, close }: Reached): LateLog => ({ encoding: () => encoding, append, close });
