import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkYaml } from '@waybill/config';
import { priorityClasses } from '@waybill/domain';
import { type Static, Type } from 'typebox';
import { evidenceOf, Given } from './given.ts';
import { isCaseFile, type FileFault } from './folder.ts';
import type { Evidence } from '@waybill/policy-engine';

const place = Type.String({ maxLength: 1_024 });
/** What is left out is not looked at. */
const ExpectedTarget = Type.Object(
  {
    place,
    platforms: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 50, description: 'In any order; [] for all of it.' })),
    priorityClass: Type.Optional(Type.Enum([...priorityClasses])),
  },
  { additionalProperties: false },
);
export type ExpectedTarget = Static<typeof ExpectedTarget>;

const Expected = Type.Object({
  outcome: Type.Enum(['allow', 'deny', 'held', 'error']),
  code: Type.Optional(Type.String({ maxLength: 64 })),
  policyId: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()], { description: 'Who decides; null for nobody.' })),
  targets: Type.Optional(
    Type.Array(Type.Union([place, ExpectedTarget]), {
      description: '`<registry>/<repository>:<tag>`, or that as `place` with what of the image goes there and how urgently; in any order.',
    }),
  ),
  awaiting: Type.Optional(
    Type.Array(Type.String({ maxLength: 512 }), { description: 'In any order; `scan` stands for `scan of sha256:…` too.' }),
  ),
  reason: Type.Optional(Type.String({ maxLength: 1_024, description: 'What the reason has in it.' })),
});
export type Expected = Static<typeof Expected>;

const Case = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255, description: 'The rule, as a sentence.' }),
  policies: Type.Optional(Type.Enum(['replication', 'admission'], { description: 'Which of the two decide; replication if left out.' })),
  at: Type.Optional(Type.String({ maxLength: 32, description: 'The moment of the decision, UTC: 2026-01-31T12:00:00Z.' })),
  given: Given,
  expect: Expected,
});

/** What lies beside policies in `*.test.yaml`: images, what is known of them, and what is to come of it. */
export const CaseFile = Type.Object({
  defaults: Type.Optional(
    Type.Object(
      { policies: Case.properties.policies, at: Case.properties.at, given: Type.Optional(Given) },
      { description: 'Of every case that does not say otherwise.' },
    ),
  ),
  cases: Type.Array(Case, { minItems: 1, maxItems: 10_000 }),
});
type CaseFile = Static<typeof CaseFile>;

/** One image of a case. */
export type PolicyCase = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly name: string;
  readonly policies: 'replication' | 'admission';
  readonly atMs: number;
  readonly evidence: Evidence;
  readonly expected: Expected;
};

/** Cases that say nothing of time mean the same for ever. */
const defaultAt = '2026-01-01T00:00:00Z';
const fileBytesMax = 1_048_576;

/** Reads all `*.test.yaml` of a folder that can be read. A fault in one hides none of another. */
export async function readCases(folder: string): Promise<{ readonly cases: readonly PolicyCase[]; readonly faults: readonly FileFault[] }> {
  const cases: PolicyCase[] = [];
  const faults: FileFault[] = [];
  for (const file of (await readdir(folder)).filter(isCaseFile).toSorted()) {
    const text = await readFile(join(folder, file), 'utf8');
    if (text.length > fileBytesMax)
      faults.push({ file, line: 1, column: 1, message: `has more than ${fileBytesMax} characters: split it` });
    else collect(file, text, cases, faults);
  }
  return { cases, faults };
}

function collect(file: string, text: string, cases: PolicyCase[], faults: FileFault[]): void {
  const checked = checkYaml(text, CaseFile, {});
  if (!checked.ok) return void faults.push(...checked.faults.map((fault) => ({ file, ...fault })));
  const { defaults } = checked.value;
  for (const [index, written] of checked.value.cases.entries()) {
    const place = checked.placeOf(['cases', index]);
    const { name, at, given, policies, expect } = { ...defaults, ...written };
    const images = [given.image ?? [], given.images ?? []].flat();
    const atMs = timeOf(at ?? defaultAt);
    if (images.length === 0) faults.push({ file, ...place, message: `${name}: given needs image, or images` });
    if (atMs === undefined) faults.push({ file, ...place, message: `${name}: at is no time in UTC like ${defaultAt}` });
    for (const image of images) {
      const evidence = evidenceOf(image, { ...defaults?.given, ...given }, atMs ?? 0);
      const title = images.length === 1 ? name : `${name}: ${image}`;
      if (evidence === undefined) faults.push({ file, ...place, message: `${title} is no [host/]repository[:tag]` });
      else if (atMs !== undefined)
        cases.push({ file, ...place, name: title, policies: policies ?? 'replication', atMs, evidence, expected: expect });
    }
  }
}

function timeOf(text: string): number | undefined {
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}
