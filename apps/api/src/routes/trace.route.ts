import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { outcomes, stepKinds } from '../journey/journey.ts';
import { findReference } from '../journey/reference.ts';
import { findJourney, findPushes, pushKeys } from '../journey/trace.ts';
import { ApiError, Problem } from '../problem.ts';
import type { Reader } from '../read-model/rows.ts';

const Query = Type.Object({
  image: Type.String({ minLength: 1, maxLength: 1_000, description: '`[host/]repository[:tag]`, `…@digest`, or a digest alone.' }),
  all: Type.Boolean({ default: false, description: 'Older pushes too, newest first.' }),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Pushes at most, with `all`.' }),
});

const text = Type.String();
const maybeText = Type.Union([Type.String(), Type.Null()]);
const ms = Type.Integer();
const Step = Type.Object({
  kind: Type.Enum([...stepKinds]),
  text: Type.String({ description: 'What happened, in one line.' }),
  failed: Type.Boolean(),
  atMs: Type.Integer({ description: 'When the log took the event, Unix ms.' }),
  sincePreviousMs: ms,
  sinceStartMs: ms,
  eventId: text,
  correlationId: text,
  topic: text,
  partition: Type.Integer(),
  offset: Type.Integer(),
  timesLogged: Type.Integer(),
  reused: Type.Boolean({ description: 'Made for another push of the same content, and used for this one.' }),
  audit: Type.Union([Type.Object({ partition: Type.Integer(), seq: Type.Integer() }), Type.Null()]),
  details: Type.Record(Type.String(), Type.Unknown()),
});
const Outcome = Type.Object({
  status: Type.Enum([...outcomes]),
  final: Type.Boolean({ description: 'Nothing more will happen to this push by itself.' }),
  text: Type.String({ description: 'Why, in plain words.' }),
  awaiting: Type.Array(text),
  policyId: maybeText,
  trace: Type.Array(Type.Object({ policyId: text, matched: Type.Boolean(), outcome: text, reason: text })),
});
const Job = Type.Object({
  ...{ app: text, id: text, kind: text, status: text, attempt: Type.Integer(), notBeforeMs: ms, text },
});
const Journey = Type.Object({
  registry: text,
  repository: text,
  tag: maybeText,
  digest: maybeText,
  correlationId: text,
  pushedAtMs: ms,
  outcome: Outcome,
  steps: Type.Array(Step),
  jobs: Type.Array(Job),
  tookMs: Type.Integer({ description: 'From the first to the last step.' }),
});
const Journeys = Type.Object({ journeys: Type.Array(Journey) });

/** `GET /v1/trace`: the whole way of a push, from its webhook to its copies, newest push first. */
export const traceRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const schema = { summary: 'The whole journey of a push', querystring: Query, response: { 200: Journeys, 400: Problem, 404: Problem } };
  app.get<{ Querystring: Static<typeof Query> }>('/v1/trace', { schema }, async (request) => {
    const { image, all, limit } = request.query;
    const reference = findReference(image);
    if (reference === undefined)
      throw new ApiError(
        'REQUEST_INVALID',
        `${JSON.stringify(image)} is no image`,
        'Write host/repository:tag, host/repository@sha256:… or sha256:….',
      );
    const pushes = pushKeys(reader, reference).flatMap((key) => findPushes(reader, key, all ? limit : 1));
    const journeys = [...new Set(pushes)].flatMap((id) => findJourney(reader, id, { tag: reference.tag }) ?? []);
    if (journeys.length === 0)
      throw new ApiError(
        'IMAGE_UNKNOWN',
        `no push of ${image} is in the log`,
        'Look at /v1/images for what is known, at /v1/parked for deliveries set aside, and at the registry: its webhook must point here.',
      );
    const newestFirst = journeys.toSorted((a, b) => b.pushedAtMs - a.pushedAtMs);
    return { journeys: all ? newestFirst.slice(0, limit) : newestFirst.slice(0, 1) };
  });
};
