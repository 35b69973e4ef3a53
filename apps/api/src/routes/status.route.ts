import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../problem.ts';
import { Circuits } from '../status/circuits.ts';
import type { Status } from '../status/status.ts';

const count = Type.Integer({ minimum: 0 });
const Answer = Type.Object({
  asOfMs: Type.Integer(),
  groups: Type.Array(
    Type.Object({
      group: Type.String(),
      lag: Type.Integer({ minimum: 0, description: 'Offsets not yet committed, over all topics and partitions.' }),
      topics: Type.Array(Type.Object({ topic: Type.String(), lag: count, end: count })),
      jobsDue: Type.Integer({ minimum: 0, description: 'Running, or waiting for a turn or the next try.' }),
      timers: Type.Integer({ minimum: 0, description: 'Waiting for a moment that was asked for.' }),
      nextDueAtMs: Type.Union([Type.Integer(), Type.Null()], { description: 'When the first job or timer is due; null for none.' }),
      jobsParked: Type.Integer({ minimum: 0, description: 'Given up after the last try.' }),
      recordsParked: count,
    }),
  ),
  parked: Type.Array(Type.Object({ app: Type.String(), code: Type.String(), count })),
  circuits: Circuits,
});

/** `GET /v1/status`: how far each consumer group is, what lies aside, and which hosts are left alone. */
export const statusRoute: FastifyPluginAsync<{ status: () => Promise<Status> }> = async (app, { status }) => {
  const schema = { summary: 'Lag per group, parked records and jobs, open circuits', response: { 200: Answer, 503: Problem } };
  app.get('/v1/status', { schema }, async () => status());
};
