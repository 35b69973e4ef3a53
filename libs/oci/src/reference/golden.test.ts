import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { OciError } from '../host/errors.ts';
import { formatReference, parseReference } from './reference.ts';

// Goal: a reference means here what it means to everybody else. test/fixtures/references/README.md says where the table is from.
type Verdict = string | null;
type Parser = 'distribution' | 'crane' | 'regctl';
type Row = { readonly text: string } & (
  { readonly all: Verdict } | ({ readonly ours: Verdict; readonly because: string } & Readonly<Record<Parser, Verdict>>)
);
type Table = {
  readonly reasons: Readonly<Record<string, { readonly follows: Parser | null; readonly why: string }>>;
  readonly references: readonly Row[];
};

const path = `${import.meta.dirname}/../../../../test/fixtures/references/references.json`;
const { reasons, references } = JSON.parse(readFileSync(path, 'utf8')) as Table;

function read(text: string): Verdict {
  try {
    return formatReference(parseReference(text));
  } catch (error) {
    assert.ok(error instanceof OciError && error.code === 'REFERENCE_INVALID', String(error));
    return null;
  }
}

describe('the table of references', () => {
  it('has at least 150 texts, each once: 75 good ones, 75 bad ones', () => {
    const verdicts = references.map((row) => ('all' in row ? row.all : row.ours));
    assert.equal(new Set(references.map(({ text }) => text)).size, references.length);
    assert.ok(verdicts.filter((verdict) => verdict === null).length >= 75);
    assert.ok(verdicts.filter((verdict) => verdict !== null).length >= 75);
  });

  it('is what we read', () => {
    for (const row of references) assert.equal(read(row.text), 'all' in row ? row.all : row.ours, JSON.stringify(row.text));
  });

  it('says whom we follow where parsers differ', () => {
    const used = new Set<string>();
    for (const row of references) {
      if ('all' in row) continue;
      assert.ok(new Set([row.ours, row.distribution, row.crane, row.regctl]).size > 1, row.text);
      const follows = reasons[row.because]?.follows;
      assert.ok(follows !== undefined, `${row.text}: ${row.because} is no reason`);
      assert.equal(row.ours, follows === null ? row.ours : row[follows], row.text);
      used.add(row.because);
    }
    assert.deepEqual([...used].sort(), Object.keys(reasons).sort());
  });

  it('is stricter than distribution where it says so, and never takes a reference for another one', () => {
    for (const row of references) {
      if ('all' in row || row.ours === row.distribution || row.ours === null) continue;
      assert.equal(row.because, 'host case', row.text);
    }
  });
});
