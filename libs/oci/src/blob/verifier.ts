import type { Hash } from 'node:crypto';
import type { Digest } from '@waybill/domain';
import { algorithmOf, hashFor } from '../descriptor/digest.ts';
import { OciError, type OciErrorDetails } from '../host/errors.ts';

type Content = { readonly digest: Digest; readonly sizeBytes: number };
type Where = Pick<OciErrorDetails, 'host' | 'repository'>;

/** A place in a blob, with the hash of all that lies before it. */
export type Checkpoint = { readonly atBytes: number; readonly hash: Hash };

/** Places of one blob that were passed: whoever wants it again from an offset on need not fetch all that is before. */
export type Checkpoints = {
  /** The last one at or before the offset; its hash is the caller's own. */
  readonly before: (offsetBytes: number) => Checkpoint;
  readonly pass: (atBytes: number, hash: Hash) => void;
};

/** Together more than can be under way to a target that breaks off. */
const checkpointsMax = 8;
const checkpointBytes = 8 * 1_048_576;

export function createCheckpoints(digest: Digest): Checkpoints {
  let kept: readonly Checkpoint[] = [];
  return {
    before(offsetBytes) {
      const last = kept.findLast(({ atBytes }) => atBytes <= offsetBytes);
      return last ? { atBytes: last.atBytes, hash: last.hash.copy() } : { atBytes: 0, hash: hashFor(digest) };
    },
    pass(atBytes, hash) {
      if (atBytes - (kept.at(-1)?.atBytes ?? 0) < checkpointBytes) return;
      kept = [...kept.slice(1 - checkpointsMax), { atBytes, hash: hash.copy() }];
    },
  };
}

export type Verifier = {
  /** How far the blob has been taken. */
  readonly atBytes: () => number;
  /**
   * @returns what of the bytes before this chunk may be handed on by now
   * @throws OciError `CONTENT_SIZE_MISMATCH` when there is more than the blob has
   */
  readonly take: (chunk: Buffer) => Buffer | undefined;
  /**
   * @returns the last chunk
   * @throws OciError `CONTENT_SIZE_MISMATCH` or `CONTENT_DIGEST_MISMATCH`
   */
  readonly end: () => Buffer | undefined;
  /** That there is less than the blob should have. */
  readonly shortage: () => OciError;
};

/**
 * Checks size and digest of a blob whose bytes pass by. The last chunk is held back until they are known to be right, so that a reader
 * (an upload with Content-Length) never gets all of a body that is wrong.
 * @param offsetBytes what lies before it is hashed and not handed on
 */
export function createVerifier(content: Content, offsetBytes: number, checkpoints: Checkpoints, where: Where): Verifier {
  const { hash, atBytes: startBytes } = checkpoints.before(offsetBytes);
  let atBytes = startBytes;
  let held: Buffer | undefined;
  const wrongSize = (found: number | 'more') =>
    new OciError(
      'CONTENT_SIZE_MISMATCH',
      `${content.digest} at ${where.host} should have ${content.sizeBytes} bytes and has ${found}`,
      where,
    );
  return {
    atBytes: () => atBytes,
    take(chunk) {
      const chunkStart = atBytes;
      atBytes += chunk.byteLength;
      if (atBytes > content.sizeBytes) throw wrongSize('more');
      hash.update(chunk);
      if (atBytes < content.sizeBytes) checkpoints.pass(atBytes, hash);
      if (atBytes <= offsetBytes) return undefined;
      const ready = held;
      held = chunkStart < offsetBytes ? chunk.subarray(offsetBytes - chunkStart) : chunk;
      return ready;
    },
    end() {
      if (atBytes !== content.sizeBytes) throw wrongSize(atBytes);
      if (`${algorithmOf(content.digest)}:${hash.digest('hex')}` !== content.digest) {
        throw new OciError('CONTENT_DIGEST_MISMATCH', `the bytes that ${where.host} sent for ${content.digest} have another digest`, where);
      }
      return held;
    },
    shortage: () => wrongSize(atBytes),
  };
}
