import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { topics } from '@waybill/domain';
import { readPage } from '../paging.ts';
import { ApiError, Problem } from '../problem.ts';
import { keyOf, placeKey, sortable } from '../read-model/keys.ts';
import type { AsideRow, ParkedRow, Reader } from '../read-model/rows.ts';

const Paging = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 4_000 })),
});
const maybeName = Type.Optional(
  Type.String({ maxLength: 300, description: 'Of a page only these; it may be empty and yet have a next one.' }),
);
const Query = Type.Object({ ...Paging.properties, app: maybeName, code: maybeName });
const Lookup = Type.Object({ id: Type.String({ minLength: 1, maxLength: 2_000 }) });
const LineLookup = Type.Object({ line: Type.String({ minLength: 1, maxLength: 4_000 }) });
const Place = Type.Object({ topic: Type.String({ maxLength: 300 }), partition: Type.Integer(), offset: Type.Integer() });
const PlaceParams = Type.Object({
  topic: Type.String({ maxLength: 300 }),
  partition: Type.Integer({ minimum: -1, maximum: 100_000 }),
  offset: Type.Integer({ minimum: -1 }),
});
const Aside = Type.Object({
  kind: Type.Union([Type.Literal('record'), Type.Literal('job')]),
  app: Type.String(),
  id: Type.String({ description: 'topic/partition/offset of a record, or the id of a job' }),
  partition: Type.Integer({ description: 'Where it waits, and where a command for it has to go' }),
  origin: Type.Union([Place, Type.Null()]),
  code: Type.String(),
  reason: Type.String(),
  attempts: Type.Integer(),
  parkedAtMs: Type.Integer(),
  correlationId: Type.String(),
  valueBytes: Type.Integer(),
  behind: Type.Integer({ description: 'Records with its topic and key that wait for it' }),
  line: Type.Union([Type.String(), Type.Null()], { description: 'What they wait in, as `/v1/parked/line` takes it; null for a job' }),
  canRetry: Type.Boolean(),
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
const nextCursor = Type.Union([Type.String(), Type.Null()]);
const Open = Type.Object({ parked: Type.Array(Aside) });
const Line = Type.Object({
  waiting: Type.Integer({ minimum: 0, description: 'Records that have still to be run' }),
  stoppedBy: Type.Union([Aside, Type.Null()], { description: 'The parked record that they wait for; null while they are being run' }),
});
const List = Type.Object({ parked: Type.Array(Aside), nextCursor });
const History = Type.Object({ history: Type.Array(Summary), nextCursor });
const Found = Type.Object({ parked: Type.Array(Parked) });

/** Apps that have parked the same record, and their tries. */
const sameRecordMax = 100;

/**
 * `GET /v1/parked`: what waits to be retried or dropped, newest first. Beside it: `find` one by its id, what is left of its `line`, the
 * `history` of every record that was ever parked, and one of those with its bytes. Read only: a command is an event, which
 * `waybill parked retry` appends.
 */
export const parkedRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const listSchema = { summary: 'What is parked now, newest first', querystring: Query, response: { 200: List, 400: Problem } };
  app.get<{ Querystring: Static<typeof Query> }>('/v1/parked', { schema: listSchema }, async (request) => {
    const { app: wantedApp, code } = request.query;
    const page = pageOf(reader, 'asideByTime', request.query);
    const rows = page.items.flatMap(([, key]) => reader.get('aside', key) ?? []);
    const wanted = rows.filter((row) => row.app === (wantedApp ?? row.app) && row.code === (code ?? row.code));
    return { parked: wanted.map((row) => withBehind(reader, row)), nextCursor: page.nextCursor };
  });

  const findSchema = { summary: 'What is parked under an id now, by any app', querystring: Lookup, response: { 200: Open, 400: Problem } };
  app.get<{ Querystring: Static<typeof Lookup> }>('/v1/parked/find', { schema: findSchema }, async (request) => {
    const rows = (['record', 'job'] as const).flatMap((kind) =>
      [...reader.entries('aside', { prefix: keyOf(kind, request.query.id), limit: sameRecordMax })].map(([, row]) => row),
    );
    return { parked: rows.map((row) => withBehind(reader, row)) };
  });

  const lineSchema = { summary: 'What still waits in a line', querystring: LineLookup, response: { 200: Line, 400: Problem } };
  app.get<{ Querystring: Static<typeof LineLookup> }>('/v1/parked/line', { schema: lineSchema }, async ({ query: { line } }) => {
    const stop = reader.get('stops', line);
    const row = stop === undefined ? undefined : reader.get('aside', stop);
    return { waiting: reader.get('counters', line) ?? 0, stoppedBy: row ? withBehind(reader, row) : null };
  });

  const historySchema = {
    summary: 'Every time that a record was parked, newest first',
    querystring: Paging,
    response: { 200: History, 400: Problem },
  };
  app.get<{ Querystring: Static<typeof Paging> }>('/v1/parked/history', { schema: historySchema }, async (request) => {
    const page = pageOf(reader, 'parkedByTime', request.query);
    return { history: page.items.flatMap(([, key]) => summaries(reader.get('parked', key))), nextCursor: page.nextCursor };
  });

  const showSchema = {
    summary: 'One record that was parked, with its bytes, by where it came from or by its place in the parked topic',
    params: PlaceParams,
    response: { 200: Found, 404: Problem },
  };
  app.get<{ Params: Static<typeof PlaceParams> }>('/v1/parked/:topic/:partition/:offset', { schema: showSchema }, async (request) => {
    const parked = findParked(reader, request.params);
    const { topic, partition, offset } = request.params;
    if (parked.length === 0)
      throw new ApiError('PARKED_UNKNOWN', `no record of ${topic}/${partition}/${offset} was parked`, 'See /v1/parked for what is.');
    return { parked: parked.map((row) => ({ ...row, ...summary(row) })) };
  });
};

function pageOf(reader: Reader, store: 'asideByTime' | 'parkedByTime', query: Static<typeof Paging>) {
  try {
    return readPage(reader, store, { prefix: '', reverse: true, limit: query.limit, cursor: query.cursor });
  } catch (error) {
    if (error instanceof RangeError) throw new ApiError('REQUEST_INVALID', error.message, 'Start without `cursor`.');
    throw error;
  }
}

const withBehind = (reader: Reader, { behind, ...row }: AsideRow): Static<typeof Aside> => ({
  ...row,
  line: behind,
  behind: behind === null ? 0 : (reader.get('counters', behind) ?? 0),
});

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
