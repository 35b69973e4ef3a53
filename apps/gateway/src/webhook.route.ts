import type { Logger } from '@waybill/app-kit';
import { needsBody, type Receipt, type SourceSettings } from '@waybill/webhook-sources';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { admit, findDenial, type Admitted } from './admission.ts';
import type { Auth } from './auth/auth.ts';
import { ConfirmError } from './auth/confirm.ts';
import { AppendError } from './batcher.ts';
import type { Budget } from './budget.ts';
import type { Connections } from './connections.ts';
import type { GatewayMetrics, RequestOutcome } from './metrics.ts';
import { previewOf } from './preview.ts';
import type { Rates } from './rates.ts';
import { receive } from './receive.ts';
import { answerTo, type Repeats } from './repeats.ts';
import type { Refusal, Refuser } from './refuse.ts';
import type { RefusalCode } from './refusals.ts';
import type { Source, Sources } from './sources.ts';

export type WebhookOptions = {
  readonly sources: Sources;
  readonly auth: Auth;
  readonly repeats: Repeats;
  /** Resolves once the delivery is durable. @throws AppendError */
  readonly keep: (receipt: Receipt, settings: SourceSettings) => Promise<void>;
  readonly budget: Budget;
  readonly rates: Rates;
  readonly bodyBytesMax: number;
  readonly refuser: Refuser;
  /** Why the gateway cut a request off; undefined where its sender went away. */
  readonly findCut: Connections['findCut'];
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
  readonly nowMs: () => number;
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Null for a request that was turned away. */
    admitted: Admitted | null;
  }
}

/**
 * `POST /v1/webhooks/:endpoint` and, for senders that can be given a URL only, `POST /v1/webhooks/:endpoint/:secret`.
 *
 * With `/validate` behind the path: what the delivery would become, with the same proof; nothing is kept, followed or remembered.
 *
 * 202 means: the delivery and all that it says are in the log on all in-sync replicas, or on this machine's disk on their way there
 * (spool/spool.ts); the sender may forget them. 503 means: come again; what was appended after all is recognised by its ids. What is
 * authentic but cannot be read gets 202 too, and is parked: to a 4xx Distribution would repeat it for ever and block everything behind it.
 */
export const webhookRoute: FastifyPluginAsync<WebhookOptions> = async (app, options) => {
  const { auth, rates, repeats, keep, refuser, findCut, metrics, logger, nowMs } = options;
  app.decorateRequest('admitted', null);
  app.removeAllContentTypeParsers(); // The log keeps the bytes as sent; nothing may parse and re-print them.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => body);

  app.addHook('onRequest', async (request, reply) => {
    const admission = await admit(request, { ...options, authenticate: auth.authenticate });
    if ('denied' in admission) return refuser.answer(request, reply, admission.denied);
    request.admitted = admission.admitted;
    // Its sender may have gone while its keys were fetched; then nothing more is heard of it.
    if (reply.raw.destroyed) admission.admitted.place.release();
    reply.raw.once('close', admission.admitted.place.release);
    if (request.headers.expect !== undefined) reply.raw.writeContinue();
    // A content type that is none must not turn an authentic delivery into a 415.
    delete request.raw.headers['content-type'];
    return undefined;
  });

  app.setErrorHandler(async (error: Thrown, request, reply) =>
    refuser.answer(request, reply, { endpoint: request.admitted?.source.name, ...refusalOf(error, findCut(request.raw)) }),
  );

  /** What an admitted request says; undefined where it was turned away after all, and is answered. */
  const read = async (request: FastifyRequest, reply: FastifyReply): Promise<Receipt | undefined> => {
    const { source, headers, place } = request.admitted!;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    place.shrink(body.length);
    if (needsBody(source.auth)) {
      const denied = await findDenial(request, source, body, { authenticate: auth.authenticate, rates });
      if (denied !== undefined) return void refuser.answer(request, reply, denied);
    }
    return receive({ headers, body, remoteAddress: request.ip, receivedAtMs: nowMs() }, source);
  };

  const validate = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const receipt = await read(request, reply);
    if (receipt === undefined) return reply;
    metrics.validation(request.admitted!.source.name, receipt.outcome);
    return reply.send(previewOf(receipt));
  };

  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const receipt = await read(request, reply);
    if (receipt === undefined) return reply;
    const { source } = request.admitted!;
    const count = (outcome: RequestOutcome): void => metrics.request(source.name, outcome, reply.elapsedTime / 1_000);
    if (receipt.handshake?.kind === 'answer') {
      count(receipt.outcome);
      const { status, headers: own, body: answer } = receipt.handshake;
      return reply.code(status).headers(own).send(answer);
    }
    const earlier = repeats.find(receipt, source);
    if (earlier !== undefined) {
      count('repeated');
      return reply.code(202).send(earlier);
    }
    if (receipt.handshake?.kind === 'confirm') await confirm(source, receipt.handshake.url, options);
    await keep(receipt, source.settings);
    repeats.remember(receipt);

    count(receipt.outcome);
    for (const { type } of receipt.images) metrics.event(source.name, type);
    logReceipt(logger, receipt, source.name, reply.elapsedTime);
    return reply.code(202).send(answerTo(receipt));
  };
  for (const path of ['/v1/webhooks/:endpoint', '/v1/webhooks/:endpoint/:secret'])
    app.post(path, handler).post(`${path}/validate`, validate);
};

type Thrown = { readonly statusCode?: number; readonly code?: string };

function refusalOf(error: Thrown, cut: RefusalCode | undefined): Pick<Refusal, 'code' | 'err'> {
  if (error instanceof AppendError || error instanceof ConfirmError) return { code: error.code, err: error };
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { code: 'BODY_TOO_LARGE' };
  if (cut !== undefined) return { code: cut };
  return error.statusCode !== undefined && error.statusCode < 500 ? { code: 'REQUEST_INVALID' } : { code: 'INTERNAL', err: error };
}

/** What SNS asks of a new subscriber; the delivery is kept either way. @throws ConfirmError where SNS is to ask again */
async function confirm(source: Source, url: string, { auth, logger }: Pick<WebhookOptions, 'auth' | 'logger'>): Promise<void> {
  const isConfirmed = await auth.confirm(source.auth, url);
  const next = 'a subscription waits for somebody to confirm it: only the scheme sns confirms by itself; see `waybill deliveries show`';
  logger[isConfirmed ? 'info' : 'warn']({ endpoint: source.name }, isConfirmed ? 'a subscription is confirmed' : next);
}

/** The log of deliveries has all of it; a line for each would cost a seventh of what a push costs. */
function logReceipt(logger: Logger, receipt: Receipt, endpoint: string, elapsedMs: number): void {
  if (receipt.unread !== null) logger.info(lineOf(receipt, endpoint, elapsedMs), 'parked');
  else if (logger.isLevelEnabled('debug')) logger.debug(lineOf(receipt, endpoint, elapsedMs), 'received');
}

/** A batch may have a thousand events; the line names the first ones. */
const correlationIdsMax = 10;

const lineOf = (receipt: Receipt, endpoint: string, elapsedMs: number): Readonly<Record<string, unknown>> => ({
  deliveryId: receipt.deliveryId,
  endpoint,
  outcome: receipt.outcome,
  correlationId: receipt.images[0]?.id,
  correlationIds: receipt.images.length > 1 ? receipt.images.slice(0, correlationIdsMax).map(({ id }) => id) : undefined,
  events: receipt.images.length,
  ignored: receipt.ignoredCount,
  parked: receipt.unread?.code,
  bodyBytes: receipt.delivery.data.body.length,
  elapsedMs: Math.round(elapsedMs),
});
