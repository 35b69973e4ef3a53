import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluate } from '../evaluate.ts';
import { explain, traceOf } from '../explain.ts';
import { compileRulebook, parseDocument, type Document } from '../rulebook.ts';
import { document, evidence, nowMs } from '../testing.fixture.ts';
import { revealed } from './reveal.ts';

/** Words that only the policy knows. */
const secret = /acme|wonderland|hush/;
const specs = {
  denies: { match: { repositories: ['acme/**', 'demo/*'] }, effect: 'deny', reason: 'hush' },
  'asks-labels': { match: { exclude: { repositories: ['acme/**'] } }, require: { labels: { wonderland: '*' } } },
  'is-silent': { match: { repositories: ['acme/**'] } },
  waits: { match: { tenants: ['acme'] } },
  fails: { match: {}, when: 'image.labels["wonderland"] == "x"' },
} as const;

const parsed = (name: string, spec: object): Document => {
  const written = document(name, spec) as { metadata: object };
  const read = parseDocument({ ...written, metadata: { ...written.metadata, sensitive: true } });
  if (!read.ok) throw new Error(read.faults.join('; '));
  return read.document;
};

describe('a confidential policy', () => {
  for (const [name, spec] of Object.entries(specs)) {
    const policy = parsed(name, spec);
    const set = compileRulebook([policy]).replication;
    const open = compileRulebook([revealed(policy)]).replication;

    it(`that ${name.replaceAll('-', ' ')} decides like any other, and says nothing of what it asks for`, () => {
      const decision = evaluate(set, evidence(), nowMs);
      assert.deepEqual({ ...decision, reason: '' }, { ...evaluate(open, evidence(), nowMs), reason: '' });
      assert.doesNotMatch(JSON.stringify([decision, traceOf(set, evidence(), nowMs), explain(set, evidence(), nowMs)]), secret);
    });

    it(`that ${name.replaceAll('-', ' ')} explains itself to whoever may read it`, () => {
      const told = JSON.stringify(explain(open, evidence(), nowMs));
      assert.doesNotMatch(told, /by a confidential policy/);
      if (name !== 'waits') assert.match(told, secret);
    });
  }
});
