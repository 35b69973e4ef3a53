import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatReference, parseReference } from '@waybill/oci';
import { execa } from 'execa';
import fc from 'fast-check';
import { findProgram } from '../../infra/local/tools.ts';

// Goal: what the table of references says of other parsers is what they say, and no other text than those in it makes a difference that
// the table does not know. `UPDATE_GOLDEN=1` records anew what they say; a new row needs its `text` alone.
type Verdict = string | null;
type Verdicts = { readonly distribution: Verdict; readonly crane: Verdict; readonly regctl: Verdict };
type Row = { readonly text: string; readonly because?: string; readonly ours?: Verdict; readonly all?: Verdict };

const folder = join(import.meta.dirname, '../fixtures/references');
const path = join(folder, 'references.json');
const { references, ...head } = JSON.parse(readFileSync(path, 'utf8')) as { readonly references: readonly Row[] };

/** Go keeps what it has built: a second run takes milliseconds. */
async function askParsers(texts: readonly string[]): Promise<readonly Verdicts[]> {
  const options = { cwd: join(folder, 'compare'), input: JSON.stringify(texts), env: { CGO_ENABLED: '0' }, timeout: 5 * 60_000 };
  const { stdout } = await execa('go', ['run', '.'], options);
  return JSON.parse(stdout) as readonly Verdicts[];
}

function read(text: string): Verdict {
  try {
    return formatReference(parseReference(text));
  } catch {
    return null;
  }
}

function rowOf({ text, because }: Row, verdicts: Verdicts): Row {
  const ours = read(text);
  const isAgreed = Object.values(verdicts).every((verdict) => verdict === ours);
  return isAgreed ? { text, all: ours } : { text, ours, ...verdicts, because: because ?? '' };
}

/** One line per text, so that a difference shows in one. */
function print(rows: readonly Row[]): string {
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n');
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "references": [\n${lines}\n  ]\n}\n`;
}

describe('references', { skip: findProgram('go') === undefined && 'Go is not here' }, () => {
  it('are what distribution, crane and regctl are recorded to make of them', async () => {
    const verdicts = await askParsers(references.map(({ text }) => text));
    const printed = print(references.map((row, index) => rowOf(row, verdicts[index]!)));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(path, printed);
    assert.equal(readFileSync(path, 'utf8'), printed);
  });

  it('at random mean what they mean to distribution, or are refused', async (t) => {
    const seed = Date.now();
    t.diagnostic(`seed ${seed}`);
    const piece = fc.oneof(
      fc.constantFrom('/', '/', ':', '@', '.', '-', '_', '__', '[::1]', '[', ']', 'A', 'é', ' '),
      fc.constantFrom(
        'a',
        'team',
        'app',
        '0',
        '5000',
        'localhost',
        'docker.io',
        'index.docker.io',
        'r.example',
        'v1',
        `sha256:${'0'.repeat(64)}`,
      ),
    );
    const texts = fc.sample(
      fc.array(piece, { minLength: 1, maxLength: 8 }).map((all) => all.join('')),
      { numRuns: 20_000, seed },
    );
    const verdicts = await askParsers(texts);
    const seen = { same: 0, stricter: 0 };
    for (const [index, text] of texts.entries()) {
      const ours = read(text);
      const theirs = verdicts[index]!.distribution;
      if (ours === theirs) seen.same += ours === null ? 0 : 1;
      else if (ours === null) seen.stricter++;
      else assert.equal(ours, hostLowered(theirs), JSON.stringify(text));
      // Without a host there is nothing to be stricter about.
      if (ours === null && theirs?.startsWith('docker.io/') === true) assert.fail(`${JSON.stringify(text)} is ${theirs} to distribution`);
    }
    t.diagnostic(JSON.stringify(seen));
    assert.ok(seen.same > 1_000);
  });
});

/** The one difference that is none of refusal: hosts become lower case, and Docker Hub is known in any. */
function hostLowered(reference: Verdict): Verdict {
  if (reference === null) return null;
  const [host, ...rest] = reference.split('/');
  return read([host!.toLowerCase(), ...rest].join('/'));
}
