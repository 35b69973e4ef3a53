import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { topics } from '@waybill/domain';
import { readPage } from '../paging.ts';
import { ApiError, Problem } from '../problem.ts';
import { keyOf, placeKey, sortable } from '../read-model/keys.ts';
import type { ParkedRow, Reader } from '../read-model/rows.ts';

const Query = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 4_000 })),
});
const Place = Type.Object({ topic: Type.String({ maxLength: 300 }), partition: Type.Integer(), offset: Type.Integer() });
const PlaceParams = Type.Object({
  topic: Type.String({ maxLength: 300 }),
  partition: Type.Integer({ minimum: -1, maximum: 100_000 }),
  offset: Type.Integer({ minimum: -1 }),
});
const Summary = Type.Object({
  app: Type.String(),
  origin: Place,
  parked: Place,
  code: Type.String(),
  reason: Type.String(),
  parkedAtMs: Type.Integer(),
  correlationId: Type.String(),
  valueBytes: Type.Integer(),
});
const base64 = Type.Union([Type.String({ contentEncoding: 'base64' }), Type.Null()]);
const Parked = Type.Object({
  ...Summary.properties,
  timestampMs: Type.Integer(),
  key: base64,
  value: base64,
  headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String({ contentEncoding: 'base64' }) })),
});
const List = Type.Object({ parked: Type.Array(Summary), nextCursor: Type.Union([Type.String(), Type.Null()]) });
const Found = Type.Object({ parked: Type.Array(Parked) });

/** Apps that have parked the same record. */
const sameRecordMax = 20;

/** `GET /v1/parked`: records that could not be processed, newest first; below it one record with its bytes. */
export const parkedRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const listSchema = { summary: 'Records set aside, newest first', querystring: Query, response: { 200: List, 400: Problem } };
  app.get<{ Querystring: Static<typeof Query> }>('/v1/parked', { schema: listSchema }, async (request) => {
    try {
      const page = readPage(reader, 'parkedByTime', { prefix: '', reverse: true, ...request.query, cursor: request.query.cursor });
      return { parked: page.items.flatMap(([, key]) => summaries(reader.get('parked', key))), nextCursor: page.nextCursor };
    } catch (error) {
      if (error instanceof RangeError) throw new ApiError('REQUEST_INVALID', error.message, 'Start without `cursor`.');
      throw error;
    }
  });

  const showSchema = {
    summary: 'One record set aside, with its bytes, by where it came from or by its place in the parked topic',
    params: PlaceParams,
    response: { 200: Found, 404: Problem },
  };
  app.get<{ Params: Static<typeof PlaceParams> }>('/v1/parked/:topic/:partition/:offset', { schema: showSchema }, async (request) => {
    const parked = findParked(reader, request.params);
    const { topic, partition, offset } = request.params;
    if (parked.length === 0)
      throw new ApiError('PARKED_UNKNOWN', `no record of ${topic}/${partition}/${offset} is parked`, 'See /v1/parked for what is.');
    return { parked: parked.map((row) => ({ ...row, ...summary(row) })) };
  });
};

function findParked(reader: Reader, { topic, partition, offset }: Static<typeof PlaceParams>): readonly ParkedRow[] {
  if (topic === topics.parked.name) {
    const row = reader.get('parked', keyOf(sortable(partition), sortable(offset)));
    if (row !== undefined) return [row];
  }
  const keys = [...reader.entries('parkedByOrigin', { prefix: placeKey(topic, partition, offset), limit: sameRecordMax })];
  return keys.flatMap(([, key]) => reader.get('parked', key) ?? []);
}

const summaries = (row: ParkedRow | undefined) => (row === undefined ? [] : [summary(row)]);
function summary({ app, origin, parked, code, reason, parkedAtMs, correlationId, value }: ParkedRow) {
  const valueBytes = value === null ? 0 : Buffer.byteLength(value, 'base64');
  return { app, origin, parked, code, reason, parkedAtMs, correlationId, valueBytes };
}
