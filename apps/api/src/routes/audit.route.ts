import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { ApiError, Problem } from '../problem.ts';
import { placeKey } from '../read-model/keys.ts';
import type { Reader } from '../read-model/rows.ts';

const Params = Type.Object({
  topic: Type.String({ maxLength: 300 }),
  partition: Type.Integer({ minimum: 0, maximum: 100_000 }),
  offset: Type.Integer({ minimum: 0 }),
});
const Link = Type.Object({
  partition: Type.Integer({ description: 'Number of the chain.' }),
  seq: Type.Integer(),
  hash: Type.String({ description: 'SHA-256 of the link, hex.' }),
});

/**
 * `GET /v1/audit/links/:topic/:partition/:offset`: where a record is chained.
 * It proves nothing: for that run `waybill audit verify`, which trusts no server.
 */
export const auditRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const schema = { summary: 'Link of a record in the audit chain', params: Params, response: { 200: Link, 404: Problem } };
  app.get<{ Params: Static<typeof Params> }>('/v1/audit/links/:topic/:partition/:offset', { schema }, async (request) => {
    const { topic, partition, offset } = request.params;
    const link = reader.get('audit', placeKey(topic, partition, offset));
    if (link === undefined)
      throw new ApiError('LINK_UNKNOWN', `${topic}/${partition}/${offset} is not chained`, 'See /v1/status for how far the audit is.');
    return link;
  });
};
