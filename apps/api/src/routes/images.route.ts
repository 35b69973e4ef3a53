import { type ReplicaState, type TagEntry, tagKey } from '@waybill/domain';
import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { readPage } from '../paging.ts';
import { ApiError, Problem } from '../problem.ts';
import { keyOf } from '../read-model/keys.ts';
import type { Reader } from '../read-model/rows.ts';

const Query = Type.Object({
  registry: Type.Optional(Type.String({ maxLength: 255, description: 'Host of the registry.' })),
  repository: Type.Optional(Type.String({ maxLength: 255, description: 'Repository below the host; needs `registry`.' })),
  limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 4_000, description: '`nextCursor` of the page before.' })),
});

const maybeText = Type.Union([Type.String(), Type.Null()]);
const CopyOf = Type.Object({
  target: Type.String(),
  status: Type.String(),
  digest: Type.Union([Type.String(), Type.Null()], { description: 'What is there; of some platforms another one than of the image.' }),
  platforms: Type.Array(Type.String(), { description: 'What of the image is, or is to be, there; empty for all of it.' }),
  reason: maybeText,
});
const Image = Type.Object({
  registry: Type.String(),
  repository: Type.String(),
  tag: Type.String(),
  digest: Type.Union([Type.String(), Type.Null()]),
  changedAtMs: Type.Integer({ description: 'When the digest last changed, Unix ms.' }),
  pushesCount: Type.Integer(),
  deletedAtMs: Type.Union([Type.Integer(), Type.Null()]),
  status: Type.Enum(['deleted', 'seen', 'held', 'denied', 'allowed', 'copying', 'copied', 'copy-failed']),
  reason: Type.Union([Type.String(), Type.Null()]),
  copies: Type.Array(CopyOf),
});
type Image = Static<typeof Image>;
const Images = Type.Object({ images: Type.Array(Image), nextCursor: Type.Union([Type.String(), Type.Null()]) });

const copiesMax = 50;

/** `GET /v1/images`: tags as they are now, in the order of their names. */
export const imagesRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const schema = { summary: 'Tags with digest, decision and copies', querystring: Query, response: { 200: Images, 400: Problem } };
  app.get<{ Querystring: Static<typeof Query> }>('/v1/images', { schema }, async (request) => {
    const { registry, repository, limit, cursor } = request.query;
    if (repository !== undefined && registry === undefined)
      throw new ApiError('REQUEST_INVALID', 'a repository is looked up below its registry', 'Give `registry` too.');
    const prefix = registry === undefined ? '' : repository === undefined ? `${registry}/` : `${registry}/${repository}:`;
    try {
      const page = readPage(reader, 'tags', { prefix, limit, cursor });
      return { images: page.items.map(([, tag]) => toImage(reader, tag)), nextCursor: page.nextCursor };
    } catch (error) {
      if (error instanceof RangeError) throw new ApiError('REQUEST_INVALID', error.message, 'Start without `cursor`.');
      throw error;
    }
  });
};

function toImage(reader: Reader, entry: TagEntry): Image {
  const { registry, repository, tag, digest, changedAtMs, pushesCount, deletedAtMs } = entry;
  const key = tagKey(entry, tag);
  const decision = reader.get('decisions', key);
  const current = decision !== undefined && (digest === null || decision.digest === digest) ? decision : undefined;
  const copies = [...reader.entries('copies', { prefix: keyOf(key), limit: copiesMax })].flatMap(
    ([, replica]) => reader.get('replicas', replica) ?? [],
  );
  const mine = copies.filter((copy) => current !== undefined && copy.digest === current.digest);
  return {
    ...{ registry, repository, tag, digest: digest ?? (current?.digest || null), changedAtMs, pushesCount, deletedAtMs },
    status: deletedAtMs !== null ? 'deleted' : statusOf(current?.status, current?.targets.length ?? 0, mine),
    reason: current?.reason ?? null,
    copies: copies.map((copy) => ({
      target: `${copy.targetRegistry}/${copy.targetRepository}:${copy.targetTag}`,
      status: copy.status,
      digest: copy.copiedDigest,
      platforms: [...copy.platforms],
      reason: copy.reason,
    })),
  };
}

/** How far an image has come, from its decision and the copies of this very digest. */
export function statusOf(
  decision: string | undefined,
  targetsCount: number,
  copies: readonly Pick<ReplicaState, 'status'>[],
): Image['status'] {
  if (decision === undefined || decision === 'deleted') return 'seen'; // Pushed again; the policies have not come to it.
  if (decision === 'held') return 'held';
  if (decision === 'denied') return 'denied';
  if (targetsCount === 0) return 'allowed';
  if (copies.some(({ status }) => status === 'failed')) return 'copy-failed';
  return copies.filter(({ status }) => status === 'copied').length >= targetsCount ? 'copied' : 'copying';
}
