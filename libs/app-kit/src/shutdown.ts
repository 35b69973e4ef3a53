import closeWithGrace from 'close-with-grace';
import type { Logger } from './logger.ts';

export type ShutdownStep = { readonly name: string; readonly close: () => Promise<void> | void };

export type ShutdownOptions = {
  readonly logger: Logger;
  /** In the data's direction: take no more work, finish what is in flight, make it durable, let go. */
  readonly steps: readonly ShutdownStep[];
  /** Below Kubernetes' terminationGracePeriodSeconds, which is 30 unless set. */
  readonly timeoutMs?: number;
  /** What SIGHUP asks for: to read the configuration again. Left out, it ends the process like the others. */
  readonly onHangUp?: () => void;
};

/**
 * Closes the steps one after the other on SIGTERM, SIGINT or an uncaught error, then ends the process: with 0, or with 1 after an
 * error, a step that failed, a second signal, or `timeoutMs` (25 s unless given).
 *
 * @returns what a part calls that cannot go on: the same way out, with exit code 1
 */
export function closeGracefully({ logger, steps, timeoutMs = 25_000, onHangUp }: ShutdownOptions): (error: Error) => void {
  let fatal: Error | undefined;
  let closing = false;
  if (onHangUp !== undefined) process.on('SIGHUP', onHangUp);
  const { close } = closeWithGrace(
    {
      delay: timeoutMs,
      skip: onHangUp === undefined ? [] : ['SIGHUP'],
      logger: { error: (what) => logger.error({ err: what }, 'closing') },
    },
    async (how) => {
      closing = true;
      fatal ??= how.err;
      if (fatal === undefined) logger.info({ signal: how.signal }, 'closing');
      else logger.fatal({ err: fatal }, 'closing after an error');
      const failed = await closeSteps(steps, logger);
      if (failed > 0 || fatal !== undefined) throw new Error(`closed after an error, ${failed} steps failed`);
      logger.info('closed');
    },
  );
  return (error) => {
    fatal ??= error;
    if (closing) logger.error({ err: error }, 'an error while closing');
    else close();
  };
}

/** Every step gets its turn, also after one that failed. Returns how many did. */
export async function closeSteps(steps: readonly ShutdownStep[], logger: Logger): Promise<number> {
  let failed = 0;
  for (const { name, close } of steps) {
    try {
      await close();
    } catch (err) {
      failed++;
      logger.error({ err, step: name }, 'a step of closing failed');
    }
  }
  return failed;
}
