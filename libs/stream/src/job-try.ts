import type { Verdict } from './breaker.ts';
import type { Clock } from './clock.ts';
import { JobError, type JobRow, type JobSpec } from './topology.ts';
import type { JobEnd } from './work.ts';

/** One try of a job under way. */
export type Try = {
  /** Comes at the time limit at the latest, or when it is called off; also from work that listens to nothing. Never rejects. */
  readonly end: Promise<TryEnd>;
  /**
   * The work itself has ended, some time after `end` where it listens to nothing: only now does the other side have a connection less.
   * `abandoned` when it still goes on `letGoMsMax` after it should have ended.
   */
  readonly gone: Promise<'ended' | 'abandoned'>;
  callOff(): void;
};
export type TryEnd =
  | { readonly outcome: 'done' | 'failed'; readonly end: JobEnd; readonly verdict: Verdict }
  | { readonly outcome: 'aborted'; readonly end: undefined; readonly verdict: Verdict };

/** How long work that should have ended keeps its place. */
export const letGoMsMax = 30_000;
/** Longest time that another side may make a job wait, ms. */
export const retryAfterMsMax = 3_600_000;

export type TryOptions = { readonly clock: Clock; readonly random: () => number };

export function startTry(job: JobRow, spec: JobSpec, { clock, random }: TryOptions): Try {
  const controller = new AbortController();
  const stopped = Promise.withResolvers<TryEnd>();
  const gone = Promise.withResolvers<'ended' | 'abandoned'>();
  const stop = (end: TryEnd, reason: string): void => {
    if (controller.signal.aborted) return;
    stopped.resolve(end); // Before the work hears of it, whose own error would say less.
    void clock.bound(letGoMsMax).then(() => gone.resolve('abandoned'));
    controller.abort(new Error(reason));
  };
  const retryAtMs = (afterMs: number): number => retryTime(job, spec, afterMs, clock.now(), random());
  const work = begin(job, spec, controller.signal);
  const cancelLimit = clock.after(spec.timeoutMs, () => {
    const reason = `no end within ${spec.timeoutMs} ms`;
    stop(failed({ code: 'JOB_TIMEOUT', reason, final: false, retryAtMs: retryAtMs(0) }, { host: 'down' }), reason);
  });
  const noteOver = (): void => {
    cancelLimit();
    gone.resolve('ended');
  };
  void work.then(noteOver, noteOver);
  const worked = work.then(
    (result): TryEnd => ({ outcome: 'done', end: { ok: true, result }, verdict: { host: 'up' } }),
    (error: unknown) => failureOf(error, job, retryAtMs),
  );
  return {
    end: Promise.race([stopped.promise, worked]),
    gone: gone.promise,
    callOff() {
      stop({ outcome: 'aborted', end: undefined, verdict: { host: 'unknown' } }, 'the job is no longer wanted here');
    },
  };
}

/** Also what throws at once, and a payload that is no JSON, is a failure of this job alone. */
const begin = async (job: JobRow, spec: JobSpec, signal: AbortSignal): Promise<unknown> =>
  spec.run(JSON.parse(job.payload) as never, { signal, attempt: job.attempt + 1, correlationId: job.correlationId });

function failureOf(error: unknown, job: JobRow, retryAtMs: (afterMs: number) => number): TryEnd {
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof JobError)) return failed({ code: 'JOB_FAILED', reason, final: false, retryAtMs: retryAtMs(0) }, { host: 'up' });
  const afterMs = Math.min(Math.max(error.retryAfterMs ?? 0, 0), retryAfterMsMax);
  const isHostDown = error.hostDown !== undefined && error.hostDown === job.host;
  const verdict: Verdict = isHostDown ? { host: 'down', retryAfterMs: afterMs } : { host: 'up' };
  return failed({ code: error.code, reason, final: !error.retry, retryAtMs: retryAtMs(afterMs) }, verdict);
}

const failed = (end: Omit<Extract<JobEnd, { ok: false }>, 'ok'>, verdict: Verdict): TryEnd => ({
  outcome: 'failed',
  end: { ok: false, ...end },
  verdict,
});

/** Full jitter, so that what failed together does not come back as one wave (M. Brooker, AWS Architecture Blog, 2015). */
function retryTime(job: JobRow, spec: JobSpec, afterMs: number, nowMs: number, random: number): number {
  const boundMs = Math.min(spec.delayMsMax, spec.delayMsMin * 2 ** job.attempt);
  // What the other side asks for is the least; its jitter lies behind, or all would come back at that moment.
  return Math.round(nowMs + afterMs + random * boundMs);
}
