import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import type { Evidence } from '../evidence.ts';
import { compileRulebook } from '../rulebook.ts';
import { rank } from '../severity.ts';
import type { Question } from '../surroundings.ts';
import { nowMs } from '../testing.fixture.ts';
import { anyDocuments, anyEvidence } from '../testing.ts';
import { anyCondition } from './any-condition.fixture.ts';
import { compileWhen, type Answer, type Condition } from './condition.ts';
import type { Fact } from './fact.ts';
import { facts, records } from './facts.ts';
import { isValue, Unknown } from './value.ts';

const anyQuestion: fc.Arbitrary<Question> = fc
  .tuple(anyEvidence(nowMs), anyDocuments, fc.integer({ min: 0, max: 48 }))
  .map(([evidence, documents, hours]) => ({
    evidence,
    atMs: nowMs + hours * 3_600_000,
    surroundings: compileRulebook(documents).replication.surroundings,
  }));

function conditionOf(text: string): Condition {
  const faults: string[] = [];
  const condition = compileWhen(text, faults);
  assert.ok(condition, `${text}: ${faults.join()}`);
  return condition;
}

const truthOf = (text: string, question: Question): Answer['truth'] => conditionOf(text).ask(question).truth;

/** The same, with some of what is known forgotten. */
const anyLoss = fc
  .subarray(['tenant', 'inspection', 'scans', 'findings', 'signatures', 'sboms', 'pullsByRegion'] as const, { minLength: 1 })
  .map((lost) => (evidence: Evidence): Evidence => {
    const { inspection } = evidence;
    const kept = Object.fromEntries(Object.entries(evidence).filter(([name]) => !(lost as readonly string[]).includes(name))) as Evidence;
    return {
      ...kept,
      inspection: lost.includes('inspection') && inspection.status === 'done' ? { status: 'missing' } : inspection,
      scans: lost.includes('scans')
        ? evidence.scans.slice(1)
        : lost.includes('findings')
          ? evidence.scans.map(withoutFindings)
          : evidence.scans,
    };
  });

const withoutFindings = ({ findings: _findings, ...scan }: Evidence['scans'][number]) => scan;

describe('any condition', () => {
  it('says for good what it says: more facts change no answer but "not known"', () =>
    fc.assert(
      fc.property(anyCondition, anyQuestion, anyLoss, (text, question, lose) => {
        const before = truthOf(text, { ...question, evidence: lose(question.evidence) });
        if (before !== 'unknown') assert.equal(before, truthOf(text, question), text);
      }),
      { numRuns: 3_000 },
    ));

  it('waits for something when it waits', () =>
    fc.assert(
      fc.property(anyCondition, anyQuestion, (text, question) => {
        const answer = conditionOf(text).ask(question);
        if (answer.truth === 'unknown') assert.ok(answer.awaiting.length > 0 && new Set(answer.awaiting).size === answer.awaiting.length);
      }),
      { numRuns: 1_000 },
    ));

  it('does not care for the order of the sides of && and ||', () =>
    fc.assert(
      fc.property(anyCondition, anyCondition, fc.constantFrom('&&', '||'), anyQuestion, (left, right, operator, question) => {
        const [there, back] = [`${left} ${operator} ${right}`, `${right} ${operator} ${left}`];
        if (compileWhen(there, []) === undefined) return; // Too large together.
        assert.equal(truthOf(there, question), truthOf(back, question), there);
      }),
      { numRuns: 2_000 },
    ));

  it('is what the library that reads it makes of it, where all facts are there', () =>
    fc.assert(
      fc.property(anyCondition, anyQuestion, (text, { evidence, ...around }) => {
        const question = { ...around, evidence: completed(evidence) };
        assert.equal(truthOf(text, question), truthByLibrary(text, question), text);
      }),
      { numRuns: 3_000 },
    ));
});

describe('any text', () => {
  const token = fc.constantFrom(
    ...[
      'image',
      '.',
      'tag',
      'labels',
      'signatures',
      'exists',
      'all',
      'map',
      'has',
      'size',
      'matches',
      'severity',
      'time',
      'hour',
      's',
      'cel',
    ],
    ...[
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '?',
      '!',
      '-',
      '+',
      '*',
      '/',
      '%',
      '==',
      '!=',
      '<',
      '>=',
      'in',
      '&&',
      '||',
      "'a'",
      "'('",
      '"',
    ],
    ...[
      '1',
      '0',
      '1.5',
      '1u',
      'b"x"',
      'null',
      'true',
      'false',
      '\\',
      '\n',
      ' ',
      '__proto__',
      'constructor',
      'dyn',
      'type',
      'timestamp',
      'ü',
    ],
  );
  const soup = fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join(''));
  const broken = fc.tuple(anyCondition, fc.nat(600), token).map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + 1));

  it('is a condition that answers, or a fault with its place, and never anything else', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), soup, broken), anyQuestion, (text, question) => {
        const faults: string[] = [];
        const condition = compileWhen(text, faults);
        if (condition === undefined) assert.match(faults.join(), /^spec\.when [^]+ \(line \d+, column \d+\)$/);
        else assert.ok(['yes', 'no', 'unknown', 'error'].includes(condition.ask(question).truth));
      }),
      { numRuns: 5_000 },
    ));
});

/** With all facts there, some of them so that they can never be told. */
function completed(evidence: Evidence): Evidence {
  const { tenant = null, signatures = [], sboms = [], pullsByRegion = {} } = evidence;
  const inspection = { kind: 'image', labels: {}, platformDigests: [], ...evidence.inspection, status: 'done' as const };
  const unknownScan = { outcome: 'scanned', worstSeverity: 'low', reason: null, scannedAtMs: nowMs, findings: [] };
  const scans = inspection.platformDigests.map((digest) => ({
    ...unknownScan,
    ...evidence.scans.find((scan) => scan.digest === digest),
    digest,
  }));
  return {
    ...evidence,
    ...{ tenant, signatures, sboms, pullsByRegion, scans },
    inspection: { platforms: ['linux/amd64'], sizeBytes: 7, ...inspection },
  };
}

const library = new Environment().registerFunction('severity(string): int', (word: string) => BigInt(rank(word)));
for (const [name, fields] of Object.entries(records)) library.registerType(name, { fields: { ...fields } });
for (const [name, entry] of Object.entries(facts))
  if ('fields' in entry)
    library.registerVariable({ name, schema: Object.fromEntries(Object.entries(entry.fields).map(([field, { type }]) => [field, type])) });
  else library.registerVariable(name, entry.type);

function truthByLibrary(text: string, question: Question): Answer['truth'] {
  try {
    return library.evaluate(text, contextOf(question)) === true ? 'yes' : 'no';
  } catch {
    return 'error';
  }
}

/** What can never be told is left out. */
const contextOf = (question: Question) =>
  Object.fromEntries(
    Object.entries(facts).map(([name, entry]) => {
      if (!('fields' in entry)) return [name, asInLibrary(entry, question)];
      const fields = Object.entries(entry.fields).map(([field, each]) => [field, asInLibrary(each, question)] as const);
      return [name, Object.fromEntries(fields.filter(([, value]) => value !== undefined))];
    }),
  );

function asInLibrary({ type, read }: Fact, question: Question): unknown {
  const result = read(question);
  assert.ok(!(result instanceof Unknown), 'all facts are there');
  if (!isValue(result)) return undefined;
  if (type === 'google.protobuf.Timestamp') return new Date(result as number);
  if (type === 'map<string, int>') return new Map(Object.entries(result).map(([key, count]) => [key, BigInt(count as number)]));
  if (type.startsWith('map<')) return new Map(Object.entries(result));
  return type === 'int' ? BigInt(result as number) : result;
}
