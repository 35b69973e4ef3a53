import { Readable } from 'node:stream';
import { mayPass } from '../host/errors.ts';
import type { Tries } from '../host/repeat.ts';
import type { Verifier } from './verifier.ts';

/** A body that begins `skipBytes` before what was asked for. */
export type Opened = { readonly body: Readable; readonly skipBytes: number };

export type ResumingOptions = {
  readonly sizeBytes: number;
  readonly verifier: Verifier;
  /** The bytes from an offset on; fewer of them where the connection breaks off. */
  readonly open: (offsetBytes: number, tries: Tries, signal: AbortSignal) => Promise<Opened>;
  /** What the error of a body is to the reader. */
  readonly describe: (error: unknown) => unknown;
  readonly startTries: (signal: AbortSignal) => Tries;
  readonly signal: AbortSignal;
};

/** Enough for two connections to breathe apart, little enough for many blobs at once. */
const bufferedBytesMax = 256 * 1_024;

/**
 * A blob as a stream that outlives its connections: what breaks off goes on from where it was. Chunks are handed on as they came, by
 * events: iterators cost several times as much.
 * @throws what `open` fails with before the first body; later the stream fails with that, or with what the verifier says
 */
export async function openResumingStream(options: ResumingOptions): Promise<Readable> {
  const { sizeBytes, verifier, open, describe } = options;
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  const tries = options.startTries(signal);
  const begun = Promise.withResolvers<void>();
  let body: Readable | undefined;
  let isWanted = false;
  const output = new Readable({
    highWaterMark: bufferedBytesMax,
    read() {
      isWanted = true;
      body?.resume();
    },
    destroy(error, callback) {
      stopped.abort(error);
      body?.destroy();
      callback(error);
    },
  });
  output.on('error', () => {}); // Whoever stopped reading does not listen either; that is not worth the process.

  const take = (chunk: Buffer): void => {
    const ready = verifier.take(chunk);
    if (!ready || output.push(ready)) return;
    isWanted = false;
    body?.pause();
  };
  const readBody = async (): Promise<void> => {
    const opened = await open(verifier.atBytes(), tries, signal);
    body = opened.body.pause();
    begun.resolve();
    const drained = drain(body, opened.skipBytes, take);
    if (isWanted) body.resume();
    await drained;
  };
  const readAll = async (): Promise<void> => {
    for (;;) {
      const failure = await readBody().then(() => undefined, describe);
      body?.destroy();
      if (failure !== undefined && !mayPass(failure)) throw failure as Error;
      if (verifier.atBytes() === sizeBytes) break; // Whatever became of the connection.
      await tries.after(failure ?? verifier.shortage(), verifier.atBytes());
    }
    const last = verifier.end();
    if (last) output.push(last);
    output.push(null);
  };
  readAll().catch((error: unknown) => {
    begun.reject(error);
    output.destroy(error as Error);
  });
  await begun.promise;
  return output;
}

/** Resolves at the body's end. @throws what the body or `take` fails with */
const drain = (body: Readable, skipBytes: number, take: (chunk: Buffer) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    let leftToSkip = skipBytes;
    body.on('data', (chunk: Buffer) => {
      const skipped = Math.min(leftToSkip, chunk.byteLength);
      leftToSkip -= skipped;
      if (skipped === chunk.byteLength) return;
      try {
        take(skipped === 0 ? chunk : chunk.subarray(skipped));
      } catch (error) {
        body.destroy(error as Error); // Thrown here, it would hit the connection's parser.
      }
    });
    body.once('end', resolve).once('error', reject);
    body.once('close', () => reject(new Error('closed before its end')));
  });
