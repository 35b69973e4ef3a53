import type { Logger } from '@waybill/app-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayMetrics } from './metrics.ts';
import { createQuiet } from './quiet.ts';
import { answerType, refusalBodies, refusals, type RefusalCode } from './refusals.ts';

/** Long enough for a broker to come back, short enough for Distribution, which repeats for ever and holds back all that follows. */
const retryAfterSeconds = 2;
const quietMs = 1_000;

export type Refusal = {
  readonly code: RefusalCode;
  /** Of the configuration; `unknown` where there is none. */
  readonly endpoint?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly seconds?: number;
  /** 2 where nothing better is known. */
  readonly retryAfterSeconds?: number;
  /** What is asked for, of senders that wait to be asked (RFC 9110, section 11.6.1): SNS with user:password in its URL. */
  readonly challenge?: string;
  /** A fault of ours, for the log. Never one that holds what was sent. */
  readonly err?: unknown;
  /** A code of Node's. */
  readonly cause?: string;
};

export type Refuser = {
  /** Counts and logs. The URL, the headers and the body are never logged: they may hold a secret. */
  readonly note: (refusal: Refusal) => void;
  readonly answer: (request: FastifyRequest, reply: FastifyReply, refusal: Refusal) => FastifyReply;
};

/** The one way out for whatever is turned away. Whoever knocks cannot fill the log: one line per endpoint, code and second. */
export function createRefuser(needs: { readonly metrics: GatewayMetrics; readonly logger: Logger; readonly nowMs: () => number }): Refuser {
  const quiet = createQuiet(quietMs, needs.nowMs);
  const note: Refuser['note'] = ({ code, endpoint = 'unknown', remoteAddress, seconds = 0, err, cause }) => {
    const { status, outcome } = refusals[code];
    needs.metrics.request(endpoint, outcome, seconds);
    const heldBack = quiet(`${endpoint} ${code}`);
    if (heldBack !== undefined) needs.logger.warn({ endpoint, code, status, remoteAddress, heldBack, err, cause }, 'refused');
  };
  return {
    note,
    answer: (request, reply, refusal) => {
      note({ ...refusal, remoteAddress: request.ip, seconds: reply.elapsedTime / 1_000 });
      const { status } = refusals[refusal.code];
      if (status === 429 || status === 503) reply.header('retry-after', refusal.retryAfterSeconds ?? retryAfterSeconds);
      if (refusal.challenge !== undefined) reply.header('www-authenticate', refusal.challenge);
      if (status === 415) reply.header('accept-encoding', 'identity');
      return reply.code(status).header('content-type', answerType).send(refusalBodies[refusal.code]);
    },
  };
}
