import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { readPage } from '../paging.ts';
import { ApiError, Problem } from '../problem.ts';
import { keyOf } from '../read-model/keys.ts';
import { stageOf, type JobView, type Reader } from '../read-model/rows.ts';

const Query = Type.Object({
  app: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 4_000 })),
});
const Job = Type.Object({
  app: Type.String(),
  id: Type.String(),
  kind: Type.String({ description: 'inspect, scan, copy, review, sweep and so on' }),
  stage: Type.Enum(['timer', 'due'], { description: 'timer: waits for a moment; due: runs, or waits for a turn or the next try' }),
  dueAtMs: Type.Integer(),
  attempts: Type.Integer({ description: 'Tries so far' }),
  lastError: Type.Union([Type.String(), Type.Null()]),
  correlationId: Type.String(),
});
const Page = Type.Object({ jobs: Type.Array(Job), nextCursor: Type.Union([Type.String(), Type.Null()]) });

/** `GET /v1/jobs`: slow work and timers of each app, what is due first coming first. Those that were given up are in `/v1/parked`. */
export const jobsRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const schema = { summary: 'Jobs and timers, by app and moment', querystring: Query, response: { 200: Page, 400: Problem } };
  app.get<{ Querystring: Static<typeof Query> }>('/v1/jobs', { schema }, async ({ query }) => {
    const { items, nextCursor } = pageOf(reader, query);
    const rows = items.flatMap(([, key]) => reader.get('jobs', key) ?? []);
    return { jobs: rows.map(shown), nextCursor };
  });
};

function pageOf(reader: Reader, { app, limit, cursor }: Static<typeof Query>) {
  try {
    return readPage(reader, 'jobsByTime', { prefix: app === undefined ? '' : keyOf(app), limit, cursor });
  } catch (error) {
    if (error instanceof RangeError) throw new ApiError('REQUEST_INVALID', error.message, 'Start without `cursor`.');
    throw error;
  }
}

function shown(row: JobView): Static<typeof Job> {
  const { app, id, kind, notBeforeMs: dueAtMs, attempt: attempts, lastError, correlationId } = row;
  return { app, id, kind, stage: stageOf(row) === 'timer' ? 'timer' : 'due', dueAtMs, attempts, lastError, correlationId };
}
