import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Evidence } from '../evidence.ts';
import { noSurroundings, type Surroundings } from '../surroundings.ts';
import { amd64, arm64, evidence, hour, nowMs, scanned } from '../testing.fixture.ts';
import { facts } from './facts.ts';
import { compileWhen, conditionSentence, type Answer, type Condition } from './condition.ts';

function compileCondition(text: string): Condition {
  const faults: string[] = [];
  const condition = compileWhen(text, faults);
  assert.ok(condition, faults.join());
  return condition;
}

function findFault(text: string): string | undefined {
  const faults: string[] = [];
  compileWhen(text, faults);
  return faults[0];
}

const ask = (text: string, known: Partial<Evidence> = {}, atMs = nowMs, surroundings = noSurroundings): Answer =>
  compileCondition(text).ask({ evidence: evidence(known), atMs, surroundings });
const yes = { truth: 'yes' };
const no = { truth: 'no' };
const waitsFor = (...awaiting: readonly string[]) => ({ truth: 'unknown', awaiting });
const fails = (reason: string) => ({ truth: 'error', reason });

type Rule = { readonly rule: string; readonly when: string; readonly given?: Partial<Evidence>; readonly then: object };
const uninspected = { inspection: { status: 'missing' } } as const;
const failedScan = { ...scanned(amd64, 'unknown'), outcome: 'failed', reason: 'SCANNER_TIMEOUT: too slow' };
const labelled = (labels: Record<string, string>): Partial<Evidence> => ({
  inspection: { status: 'done', kind: 'image', labels, platformDigests: [amd64] },
});
const listed = (...severities: readonly string[]) => severities.map((severity, at) => ({ id: `CVE-2026-${at}`, severity }));

const rules: readonly Rule[] = [
  { rule: 'a name is compared', when: "image.repository == 'demo/app' && image.tag != 'latest'", then: yes },
  { rule: 'a label is a key', when: "image.labels.team == 'core' && 'team' in image.labels", then: yes },
  { rule: 'a key with dots stands in brackets', when: "image.labels['a.b'] == '1'", given: labelled({ 'a.b': '1' }), then: yes },
  {
    rule: 'a label that is not there fails, and says how to ask for it',
    when: "image.labels.owner == 'me'",
    then: fails('image.labels.owner is not there: ask has(image.labels.owner) first'),
  },
  { rule: 'has() asks for a label', when: "has(image.labels.owner) && image.labels.owner == 'me'", then: no },
  {
    rule: 'labels that are called as JavaScript calls things are labels',
    when: "image.labels.constructor == 'x' && !has(image.labels.toString) && !('valueOf' in image.labels)",
    given: labelled({ constructor: 'x' }),
    then: yes,
  },
  { rule: 'division by zero fails', when: '1 / size(image.labels) == 1', given: labelled({}), then: fails('division by zero') },
  { rule: 'whole numbers stay whole', when: '7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1', then: yes },
  { rule: 'numbers that are no longer exact fail', when: '9007199254740991 + 1 > 0', then: fails('the number is too large') },
  { rule: 'decimals are made whole towards zero', when: 'int(7.9) == 7 && int(-7.9) == -7 && 1.5 * 2.0 > 2', then: yes },
  { rule: 'what is beyond all numbers is no whole one', when: 'int(1.0 / 0.0) > 1', then: fails('the number is too large') },
  { rule: 'nobody has no tenant', when: "image.tenant == ''", given: { tenant: null }, then: yes },
  { rule: 'a tenant that is not known is waited for', when: "image.tenant == 'x'", then: waitsFor('tenant') },
  { rule: 'what an inspection says is waited for', when: "image.kind == 'image'", given: uninspected, then: waitsFor('inspection') },
  {
    rule: 'all that is missing is waited for, each once',
    when: 'size(signatures) + size(sboms) + size(signatures) > 0',
    then: waitsFor('signatures', 'sbom'),
  },
  {
    rule: 'each scan is waited for',
    when: "scan.worst == 'none'",
    given: { scans: [] },
    then: waitsFor(`scan of ${amd64}`, `scan of ${arm64}`),
  },
  { rule: 'the worst scan counts', when: "scan.worst == 'low'", then: yes },
  { rule: 'severities are compared by rank', when: "severity(scan.worst) < severity('medium')", then: yes },
  {
    rule: 'a severity that nobody knows is the worst',
    when: "severity(scan.worst) > severity('critical')",
    given: { scans: [scanned(amd64, 'apocalyptic'), scanned(arm64, 'critical')] },
    then: yes,
  },
  {
    rule: 'a scan that failed has no severity',
    when: "scan.worst == 'none'",
    given: { scans: [failedScan, scanned(arm64, 'none')] },
    then: fails(`the scan of ${amd64} failed: SCANNER_TIMEOUT: too slow`),
  },
  {
    rule: 'a scan that failed can be asked for',
    when: 'scan.failed && !has(scan.worst)',
    given: { scans: [failedScan, scanned(arm64, 'none')] },
    then: yes,
  },
  {
    rule: 'what cannot be scanned has no scan',
    when: "scan.worst == 'none'",
    given: { inspection: { status: 'done', kind: 'artifact', labels: {}, platformDigests: [] } },
    then: fails('the artifact has no platform that can be scanned'),
  },
  {
    rule: 'findings of all platforms count once each',
    when: "size(scan.findings) == 2 && scan.counts.high == 1 && scan.counts.critical == 0 && scan.findings.exists(f, f.id == 'CVE-2026-1')",
    given: {
      scans: [
        { ...scanned(amd64, 'high'), findings: listed('high', 'low') },
        { ...scanned(arm64, 'high'), findings: listed('high') },
      ],
    },
    then: yes,
  },
  {
    rule: 'findings that are not listed are waited for',
    when: 'size(scan.findings) == 0',
    then: waitsFor(...[amd64, arm64].map((digest) => `scan of ${digest} (the last does not list what it found)`)),
  },
  {
    rule: 'a list of findings that is cut off proves nothing',
    when: 'size(scan.findings) == 0',
    given: {
      scans: [
        { ...scanned(amd64, 'low'), findings: [], findingsOmitted: 3 },
        { ...scanned(arm64, 'low'), findings: [] },
      ],
    },
    then: fails(`the scan of ${amd64} has 3 more findings than are listed`),
  },
  {
    rule: 'a signature has an identity or a key',
    when: "signatures.exists(s, has(s.issuer) && s.issuer == 'https://ci.test' && s.subject.startsWith('team-a/'))",
    given: { signatures: [{ key: 'sha256:aa' }, { issuer: 'https://ci.test', subject: 'team-a/app' }] },
    then: yes,
  },
  { rule: 'what all elements must be holds of none', when: 'sboms.all(s, s.format == "spdx")', given: { sboms: [] }, then: yes },
  { rule: 'one that decides is enough, whatever fails', when: '[0, 1].exists(n, 1 / n == 1) && ![0, 1].all(n, 1 / n == 2)', then: yes },
  {
    rule: 'lists are filtered and mapped',
    when: "sboms.filter(s, s.format != 'syft').map(s, s.format).exists_one(f, f == 'spdx')",
    given: { sboms: [{ digest: amd64, format: 'spdx' }] },
    then: yes,
  },
  { rule: 'a choice takes one side', when: "image.tag == 'v1' ? true : 1 / 0 == 1", then: yes },
  {
    rule: 'pulls of all regions are counted',
    when: "usage.pulls30Days == 5 && usage.pulls30DaysByRegion['eu'] == 3",
    given: { pullsByRegion: { eu: 3, us: 2 } },
    then: yes,
  },
  {
    rule: 'platforms and size are told apart from none',
    when: "'linux/arm64' in image.platforms || image.sizeBytes < 1",
    then: waitsFor('platforms', 'size'),
  },
  {
    rule: 'a text is looked for like a pattern that backtracks nowhere',
    when: "image.tag.matches('^v[0-9]+$') && image.repository.matches('o/a|x')",
    then: yes,
  },
  { rule: 'letters change their case, those of ASCII alone', when: "'ÄB'.lowerAscii() == 'Äb' && 'äb'.upperAscii() == 'äB'", then: yes },
  {
    rule: 'texts are measured in characters',
    when: "size('a😀') == 2 && 'ab'.endsWith('b') && !'ab'.contains('c') && 'a' + 'b' == 'ab'",
    then: yes,
  },
  { rule: 'a number is read', when: 'int(image.labels.tier) > 2', given: labelled({ tier: '3' }), then: yes },
  { rule: 'what is no number fails', when: 'int(image.labels.team) > 2', then: fails('int() of "core", which is no whole number') },
];

describe('a condition', () => {
  for (const { rule, when, given, then } of rules) it(rule, () => assert.deepEqual(ask(when, given), then));

  it('is decided by the side that decides, in either order, whatever is unknown or fails on the other', () => {
    for (const open of ['signatures.size() > 0', '1 / 0 == 1']) {
      for (const [left, right] of [
        [open, 'false'],
        ['false', open],
      ])
        assert.deepEqual(ask(`${left} && ${right}`), no);
      for (const [left, right] of [
        [open, 'true'],
        ['true', open],
      ])
        assert.deepEqual(ask(`${left} || ${right}`), yes);
    }
  });

  it('waits where a fact to come may decide what fails otherwise, in either order', () => {
    for (const operator of ['&&', '||']) {
      assert.deepEqual(ask(`size(signatures) > 0 ${operator} 1 / 0 == 1`), waitsFor('signatures'));
      assert.deepEqual(ask(`1 / 0 == 1 ${operator} size(signatures) > 0`), waitsFor('signatures'));
    }
    assert.deepEqual(ask('size(signatures) / 0 == 1'), waitsFor('signatures'));
    assert.deepEqual(ask('size(signatures) + 1 / 0 == 1'), fails('division by zero'), 'no signature can mend that');
  });

  it('sees the hour of UTC, its day and its beginning, and nothing finer', () => {
    const text = "time.hour == 23 && time.weekday == 'friday' && time.now == timestamp('2026-01-09T23:00:00Z')";
    for (const atMs of [nowMs - hour, nowMs - 1]) assert.deepEqual(ask(text, {}, atMs), yes);
    for (const atMs of [nowMs - hour - 1, nowMs]) assert.deepEqual(ask(text, {}, atMs), no);
  });

  it('ages scans at full hours, the oldest first', () => {
    const scans = [scanned(amd64, 'low', nowMs - 1), scanned(arm64, 'low', nowMs)];
    assert.deepEqual(ask('scan.ageHours == 0', { scans }, nowMs - 1), yes);
    assert.deepEqual(ask('scan.ageHours == 1', { scans }, nowMs), yes);
    assert.deepEqual(ask('scan.ageHours == 1', { scans }, nowMs + hour - 1), yes);
    assert.deepEqual(ask('scan.ageHours == 2', { scans }, nowMs + hour), yes);
  });

  it('tells whether time alone can change its answer', () => {
    for (const text of ['time.hour > 3', 'image.tag == "a" && has(scan.ageHours)']) assert.ok(compileCondition(text).dependsOnTime, text);
    for (const text of ['image.tag == "a"', 'scan.worst == "low"']) assert.ok(!compileCondition(text).dependsOnTime, text);
  });

  it('knows the registry by its document, the first by name', () => {
    const document = (name: string, host: string, spec: object) =>
      [name, { apiVersion: 'waybill/v1', kind: 'Registry', metadata: { name }, spec: { host, ...spec } }] as const;
    const surroundings = {
      ...noSurroundings,
      Registry: new Map([
        document('a', 'a.test', { region: 'eu-1' }),
        document('b', 'b.test', {}),
        document('m', 'a.test', { region: 'us-2' }),
        document('z', 'a.test', { region: 'us-1' }),
      ]),
    } as Surroundings;
    assert.deepEqual(ask("registry.region == 'eu-1' && registry.role == 'primary'", {}, nowMs, surroundings), yes);
    assert.deepEqual(ask("registry.jurisdiction == 'EU'", {}, nowMs, surroundings), fails('the Registry document a has no jurisdiction'));
    assert.deepEqual(ask('has(registry.region)', { registry: 'c.test' }, nowMs, surroundings), no);
    assert.deepEqual(
      ask("registry.region == ''", { registry: 'c.test' }, nowMs, surroundings),
      fails('no Registry document has the host c.test'),
    );
  });

  it('tells what it has asked for, as far as that is known', () => {
    const condition = compileCondition("image.labels.team == 'x' || size(signatures) > 0 || image.tag == 'v1'");
    assert.deepEqual(condition.facts, ['image.labels', 'image.tag', 'signatures']);
    const question = { evidence: evidence(), atMs: nowMs, surroundings: noSurroundings };
    const told = conditionSentence(condition, condition.ask(question), question);
    assert.equal(told, 'spec.when holds: image.labels is {"team":"core"}, image.tag is "v1"');
  });
});

describe('the page about conditions', () => {
  const page = readFileSync(new URL('../../../../docs/policies.md', import.meta.url), 'utf8');

  it('has examples that are conditions', () => {
    const [, examples = ''] = /```cel\n(.*?)```/s.exec(page) ?? [];
    const lines = examples.trimEnd().split('\n');
    assert.ok(lines.length > 3);
    for (const line of lines) assert.equal(findFault(line), undefined, line);
  });

  it('names every fact that there is', () => {
    for (const [name, entry] of Object.entries(facts))
      for (const path of 'fields' in entry ? Object.keys(entry.fields).map((field) => `${name}.${field}`) : [name])
        assert.ok(page.includes(`\`${path}\``), path);
  });
});

describe('what a condition costs', () => {
  const many = (count: number) => labelled(Object.fromEntries(Array.from({ length: count }, (_, at) => [`l${at}`, 'x'])));

  it('is bounded by how many elements are looked at', () => {
    const tooMany = (what: string, count: number, max: number) => fails(`${what} has ${count} elements: at most ${max} are looked at`);
    const platforms = (count: number): Partial<Evidence> => ({
      inspection: { status: 'done', kind: 'image', labels: {}, platformDigests: [], platforms: Array<string>(count).fill('b') },
    });
    const alone = "image.labels.all(k, k != 'a')";
    const outer = "image.labels.all(k, ['a'].all(x, k != x))";
    const inner = "['a'].all(x, image.labels.all(k, k != x))";
    for (const [text, max] of [
      [alone, 5_000],
      [outer, 1_000],
      [inner, 50],
    ] as const) {
      assert.deepEqual(ask(text, many(max)), yes);
      assert.deepEqual(ask(text, many(max + 1)), tooMany('image.labels', max + 1, max));
    }
    for (const [text, max] of [
      ["'a' in image.platforms", 5_000],
      ["['a'].exists(x, x in image.platforms)", 50],
    ] as const) {
      assert.deepEqual(ask(text, platforms(max)), no);
      assert.deepEqual(ask(text, platforms(max + 1)), tooMany('image.platforms', max + 1, max));
    }
    assert.deepEqual(ask("image.labels.exists(k, k in ['a', 'b'])", many(5_000)), no, 'what is written out is short');
  });

  it('is bounded by the length of what is looked for', () => {
    const text = 'image.labels.a.contains(image.labels.b)';
    assert.deepEqual(ask(text, labelled({ a: 'x'.repeat(300), b: 'x'.repeat(256) })), yes);
    assert.deepEqual(ask(text, labelled({ a: 'x', b: 'x'.repeat(257) })), fails('a text of 257 characters is looked for: at most 256'));
  });

  it('is linear for patterns that would backtrack', () => {
    const given = labelled({ a: `${'a'.repeat(50_000)}b` });
    assert.deepEqual(ask("image.labels.a.matches('^(a|a)*$')", given), no);
    assert.deepEqual(ask("image.labels.a.matches('(a*)*c')", given), no);
  });
});

const known = 'size, startsWith, endsWith, contains, lowerAscii, upperAscii, matches, exists, all, exists_one, filter, map';
const faults: readonly (readonly [what: string, text: string, fault: string])[] = [
  ['no CEL', 'image.tag ==', 'Unexpected token: EOF (line 1, column 13)'],
  [
    'an unknown name',
    'true &&\n  imag.tag == "a"',
    'there is no imag: there are image, scan, registry, usage, time, signatures, sboms (line 2, column 3)',
  ],
  ['an unknown field', 'registry.zone == "a"', 'there is no zone: registry has region, jurisdiction, role (line 1, column 10)'],
  ['an unknown field in has()', 'has(registry.zone)', 'there is no zone: registry has region, jurisdiction, role (line 1, column 14)'],
  [
    'an unknown field of an element',
    'signatures.exists(s, s.who == "a")',
    'there is no who: Signature has issuer, subject, key (line 1, column 24)',
  ],
  [
    'an unknown field of an element in has()',
    'signatures.exists(s, has(s.who))',
    'there is no who: Signature has issuer, subject, key (line 1, column 28)',
  ],
  ['types that do not fit', 'image.tag == 1', 'no such overload: string == int (line 1, column 1)'],
  ['what comes to no truth', 'size(signatures)', 'it comes to int: a condition must come to true or false (line 1, column 1)'],
  ['facts without a field', 'image == image', 'no such overload: image == image (line 1, column 1)'],
  [
    'the order of words',
    "image.tag < 'b'",
    'words have no order but that of their letters: compare severity(…) of them, or size(…) (line 1, column 1)',
  ],
  [
    'a severity that there is not',
    "severity(scan.worst) > severity('bad')",
    "there is no severity 'bad': there are none, unknown, low, medium, high, critical (line 1, column 33)",
  ],
  [
    'a pattern that is not written out',
    'image.tag.matches(image.repository)',
    'the pattern of matches() must be written out (line 1, column 25)',
  ],
  [
    'a pattern that needs memory',
    "image.tag.matches('(?=a)')",
    "'(?=a)': lookaround, names and flags of groups cannot be matched in linear time: only `(…)` and `(?:…)` are known (line 1, column 19)",
  ],
  [
    'a pattern that unfolds',
    "image.tag.matches('((a{99}){99}){99}')",
    "'((a{99}){99}){99}': the pattern unfolds to 1950502 states: at most 1000; use smaller counts (line 1, column 19)",
  ],
  [
    'a day that no month has',
    "time.now < timestamp('2026-02-30T00:00:00Z')",
    "write a moment out, in UTC: timestamp('2026-12-31T00:00:00Z') (line 1, column 22)",
  ],
  ['a name that is taken', 'sboms.exists(image, true)', 'image is taken: call the element something else (line 1, column 14)'],
  ['lists three deep', '[1].all(a, [1].all(b, [1].all(c, true)))', 'at most two lists lie in one another (line 1, column 23)'],
  [
    'functions of CEL that are not known here',
    "image.tag.split('a').size() > 1",
    `there is no .split(): there are ${known} (line 1, column 1)`,
  ],
  [
    'lists that are compared',
    'sboms.map(s, s.digest) == []',
    'only single values are compared: look into lists with exists or all (line 1, column 1)',
  ],
  ['types as values', 'type(1) == int', 'there is no type(): there are size, severity, int, has, timestamp (line 1, column 1)'],
  ['numbers that are not exact', '9007199254740993 > 1', 'a whole number is at most 9007199254740991 (line 1, column 1)'],
  ['bindings', 'cel.bind(x, true, x)', 'cel has no place in a condition (line 1, column 1)'],
];

describe('a condition is refused when it is read:', () => {
  for (const [what, text, fault] of faults) it(what, () => assert.equal(findFault(text), `spec.when ${fault}`));

  it('what is too long, too large or too deep', () => {
    const tooMuch = 'it is too large or too deep: at most 200 parts, 24 deep, 100 elements in a list, and no maps';
    assert.equal(findFault(`true || ${'x'.repeat(2_000)}`), 'spec.when it has 2008 characters: at most 2000 (line 1, column 2001)');
    for (const text of [
      `${'('.repeat(25)}true${')'.repeat(25)}`,
      `true${' || true'.repeat(100)}`,
      `${'!'.repeat(400)}true`,
      `1 in [${'1,'.repeat(101)}1]`,
      '{"a": 1}.a == 1',
    ])
      assert.ok(findFault(text)?.startsWith(`spec.when ${tooMuch}`), text);
    assert.equal(findFault(`${'!'.repeat(150)}true`), undefined);
  });
});
