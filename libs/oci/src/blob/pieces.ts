import { Readable } from 'node:stream';

/** One source cut into bodies of requests, which follow each other. */
export type Pieces = {
  /** The next bytes; to be called once the piece before has been read. Its reader may leave it at any time. */
  readonly next: (sizeBytes: number) => Readable | Buffer;
  /** What the source failed with, so that it is not taken for a failure of the request. */
  readonly failure: () => unknown;
  readonly close: () => void;
};

/** @param onBytes told how many bytes have been handed on */
export function cutBuffer(bytes: Buffer, offsetBytes: number, onBytes: (bytes: number) => void): Pieces {
  let atBytes = offsetBytes;
  return {
    next(sizeBytes) {
      atBytes += sizeBytes;
      onBytes(sizeBytes);
      return bytes.subarray(atBytes - sizeBytes, atBytes);
    },
    failure: () => undefined,
    close: () => {},
  };
}

const bufferedBytesMax = 256 * 1_024;

/**
 * Cuts without copying, and keeps the source apart from those who destroy what they read.
 * @param onBytes told how many bytes have been handed on
 */
export function cutStream(source: Readable, onBytes: (bytes: number) => void): Pieces {
  let piece: Readable | undefined;
  let leftBytes = 0;
  let rest: Buffer | undefined;
  let failure: unknown = source.errored ?? undefined;

  const give = (chunk: Buffer): void => {
    const given = chunk.byteLength > leftBytes ? chunk.subarray(0, leftBytes) : chunk;
    rest = given === chunk ? undefined : chunk.subarray(leftBytes);
    leftBytes -= given.byteLength;
    onBytes(given.byteLength);
    const isWanted = piece!.push(given);
    if (leftBytes === 0) piece!.push(null);
    if (!isWanted || leftBytes === 0) source.pause();
  };
  const fail = (error: unknown): void => {
    failure ??= error;
    piece?.destroy(error as Error);
  };
  source.pause();
  source.on('data', give);
  source.once('error', fail);
  source.once('close', () => leftBytes > 0 && fail(new Error(`the source of the upload ended ${leftBytes} bytes early`)));

  return {
    next(sizeBytes) {
      leftBytes = sizeBytes;
      const next = new Readable({
        highWaterMark: bufferedBytesMax,
        read: () => void source.resume(),
        destroy(error, callback) {
          if (piece === next) source.pause();
          callback(error);
        },
      });
      piece = next;
      next.on('error', () => {}); // The request fails with it, or with its own.
      if (failure !== undefined) fail(failure);
      else if (rest) give(rest);
      return next;
    },
    failure: () => failure,
    close: () => void source.destroy(),
  };
}
