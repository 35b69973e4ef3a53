// `node test/bench/conditions.ts`: microseconds that one condition of a policy takes for one image, beside the evaluator of the library
// that reads it.
import { Environment } from '@marcbachmann/cel-js';
import { renderTable } from '../../infra/local/table.ts';
import { noSurroundings, type Question } from '../../libs/policy-engine/src/surroundings.ts';
import { amd64, evidence, nowMs } from '../../libs/policy-engine/src/testing.fixture.ts';
import { compileWhen } from '../../libs/policy-engine/src/when/condition.ts';

const labels = (count: number) => ({
  team: 'core',
  ...Object.fromEntries(Array.from({ length: count - 1 }, (_, at) => [`label-${at}`, 'x'])),
});

const questionWith = (labelsCount: number): Question => ({
  evidence: evidence({
    inspection: { status: 'done', kind: 'image', labels: labels(labelsCount), platformDigests: [amd64] },
    signatures: [{ issuer: 'https://ci.test', subject: 'team-a/app' }],
  }),
  atMs: nowMs,
  surroundings: noSurroundings,
});

const library = new Environment().registerVariable({
  name: 'image',
  schema: { tag: 'string', repository: 'string', labels: 'map<string, string>' },
});

type Case = { readonly name: string; readonly text: string; readonly labelsCount: number; readonly isInLibrary?: boolean };
const cases: readonly Case[] = [
  { name: 'names', text: "image.tag != 'latest' && image.repository.startsWith('demo/')", labelsCount: 20, isInLibrary: true },
  { name: '20 labels', text: "image.labels.exists(k, k.startsWith('z'))", labelsCount: 20, isInLibrary: true },
  { name: 'a label that is missing', text: "image.labels.owner == 'x'", labelsCount: 20, isInLibrary: true },
  { name: 'a pattern', text: "image.tag.matches('^v[0-9]+$')", labelsCount: 20 },
  { name: 'a scan', text: "severity(scan.worst) <= severity('medium') && scan.ageHours < 24", labelsCount: 20 },
  { name: 'a signature', text: "signatures.exists(s, s.issuer == 'https://ci.test' && s.subject.startsWith('team-a/'))", labelsCount: 20 },
  { name: 'the time', text: "time.hour >= 6 && !(time.weekday in ['saturday', 'sunday'])", labelsCount: 20 },
  { name: 'a fact that is awaited', text: "size(sboms) > 0 && image.tag == 'v1'", labelsCount: 20 },
  // About the most that the bounds let through.
  {
    name: '5,000 labels, ten times',
    text: Array<string>(10).fill("image.labels.all(k, k != 'a' && k != 'b')").join(' && '),
    labelsCount: 5_000,
  },
  {
    name: '50 numbers for each of 1,000 labels',
    text: `image.labels.all(k, [${Array.from({ length: 50 }, (_, at) => at).join()}].all(n, n < 50 && k != 'a'))`,
    labelsCount: 1_000,
  },
];

function microsecondsOf(run: () => unknown, rounds: number): string {
  for (let round = 0; round < rounds / 4; round += 1) run();
  const startedMs = performance.now();
  for (let round = 0; round < rounds; round += 1) run();
  return (((performance.now() - startedMs) * 1_000) / rounds).toFixed(2);
}

function libraryRun(text: string, { evidence: { tag, repository, inspection } }: Question): () => unknown {
  const ask = library.parse(text);
  ask.check();
  const image = { tag, repository, labels: inspection.status === 'done' ? inspection.labels : {} };
  return () => {
    try {
      return ask({ image }) as unknown;
    } catch (error) {
      return error;
    }
  };
}

/** A row per condition: its name, its answer, what it takes, and what the library takes. @param rounds of the small ones */
export function measureConditions(rounds: number): readonly (readonly string[])[] {
  const rows = cases.map(({ name, text, labelsCount, isInLibrary = false }) => {
    const ownRounds = labelsCount > 20 ? Math.ceil(rounds / 5_000) : rounds;
    const question = questionWith(labelsCount);
    const { ask } = compileWhen(text, [])!;
    const peer = isInLibrary ? microsecondsOf(libraryRun(text, question), ownRounds) : '';
    return [name, ask(question).truth, microsecondsOf(() => ask(question), ownRounds), peer];
  });
  const signature = cases.find(({ name }) => name === 'a signature')!;
  return [
    ...rows,
    ['compiling that of a signature', '', microsecondsOf(() => compileWhen(signature.text, []), Math.ceil(rounds / 100)), ''],
  ];
}

if (import.meta.main)
  process.stdout.write(`${renderTable([['condition', 'answer', 'us', 'library, us'], ...measureConditions(200_000)])}\n`);
