import { sources as kinds, type Source as Kind } from '@waybill/webhook-sources';
import type { FastifyPluginAsync } from 'fastify';
import { findEndpoint, findRefusal } from './admission.ts';
import { authRequestOf } from './auth/auth-request.ts';
import { plainHeaders } from './headers.ts';
import type { WebhookOptions } from './webhook.route.ts';

const noBody = Buffer.alloc(0);

/**
 * `OPTIONS` of an endpoint whose kind of sender asks before it sends (CloudEvents webhooks 1.0, section 4): answered without keeping
 * anything. The question carries no credentials but those of its URL, so a secret there is asked for, and nothing else can be.
 *
 * An endpoint that is asked in vain answers like one that is not there: whether it is tells nobody who is no sender.
 */
export const optionsRoute: FastifyPluginAsync<Pick<WebhookOptions, 'sources' | 'auth' | 'refuser' | 'metrics'>> = async (app, options) => {
  const { sources, auth, refuser, metrics } = options;
  // All of it here: a question has no body, so none is read.
  app.addHook('onRequest', async (request, reply) => {
    const source = findEndpoint(request, sources);
    const kind: Kind | undefined = source && kinds[source.kind];
    if (source === undefined || kind?.options === undefined)
      return refuser.answer(request, reply.header('allow', 'POST'), { code: 'METHOD_NOT_ALLOWED' });
    if (source.auth.scheme === 'url-path' || source.auth.scheme === 'url-query') {
      const refused = findRefusal(await auth.authenticate(source, authRequestOf(request.raw, source.auth, noBody)));
      if (refused !== undefined) return refuser.answer(request, reply, { code: refused, endpoint: source.name });
    }
    const handshake = kind.options(plainHeaders(request.headers), source.settings);
    if (handshake?.kind !== 'answer') return refuser.answer(request, reply, { code: 'FORBIDDEN', endpoint: source.name });
    metrics.request(source.name, 'handshake', reply.elapsedTime / 1_000);
    return reply.code(handshake.status).headers(handshake.headers).send();
  });
  const answered = async (): Promise<void> => undefined;
  app.options('/v1/webhooks/:endpoint', answered);
  app.options('/v1/webhooks/:endpoint/:secret', answered);
};
