import { isSealed } from '@waybill/policy-engine';
import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { Problem } from '../problem.ts';
import type { PolicyRow, Reader } from '../read-model/rows.ts';

const Query = Type.Object({ retired: Type.Boolean({ default: false, description: 'Those no longer in force too.' }) });
const maybeText = Type.Union([Type.String(), Type.Null()]);
const Policy = Type.Object({
  policyId: Type.String(),
  document: Type.Union([Type.String(), Type.Null()], { description: 'As its author wrote it; null for a confidential one.' }),
  isConfidential: Type.Boolean({ description: 'Sealed in the log: nobody reads it here.' }),
  documentSha256: maybeText,
  author: Type.String(),
  reason: Type.String({ description: 'Why it was last changed; empty where nobody said.' }),
  previousSha256: maybeText,
  changedAtMs: Type.Integer(),
  retiredAtMs: Type.Union([Type.Integer(), Type.Null()]),
});

const policiesMax = 10_000;

/** `GET /v1/policies`: the policies in force, as their authors wrote them. */
export const policiesRoute: FastifyPluginAsync<{ reader: Reader }> = async (app, { reader }) => {
  const schema = {
    summary: 'Policies in force',
    querystring: Query,
    response: { 200: Type.Object({ policies: Type.Array(Policy) }), 400: Problem },
  };
  app.get<{ Querystring: Static<typeof Query> }>('/v1/policies', { schema }, async (request) => {
    const policies = [...reader.entries('policies', { limit: policiesMax })].map(([, policy]) => shown(policy));
    return { policies: request.query.retired ? policies : policies.filter(({ retiredAtMs }) => retiredAtMs === null) };
  });
};

function shown(policy: PolicyRow): Static<typeof Policy> {
  const isConfidential = policy.document !== null && isSealed(policy.document);
  return { ...policy, isConfidential, document: isConfidential ? null : policy.document };
}
