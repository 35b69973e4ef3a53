import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestKey, tagKey, type DigestEntry, type ReplicaState, type TagEntry } from '@waybill/domain';
import { compileRulebook, parseDocument, planRetention, proposeCleanup } from '@waybill/policy-engine';
import { CliError } from '../exit.ts';
import type { CatalogRows, ManifestFacts } from './catalog-rows.ts';
import { parseRunning } from './running.ts';
import { storedImagesOf } from './stored-images.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 0, 31);
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const home = { registry: 'a.test', repository: 'demo/app' };
const away = { registry: 'b.test', repository: 'demo/app' };
type Place = typeof home;

/** As the catalog has them: told by webhooks. */
const tag = (place: Place, name: string, letter: string | null, daysAgo: number, changes: Partial<TagEntry> = {}): TagEntry => {
  const atMs = nowMs - daysAgo * dayMs;
  const times = { firstSeenAtMs: atMs, changedAtMs: atMs, lastSeenAtMs: atMs, deletedAtMs: null };
  const counts = { pushesCount: 1, movesCount: 0, lastEventId: 'e', previousDigest: null };
  return { ...place, tag: name, digest: letter === null ? null : digestOf(letter), ...times, ...counts, ...changes };
};
const digest = (place: Place, letter: string, daysAgo: number, changes: Partial<DigestEntry> = {}): DigestEntry => {
  const atMs = nowMs - daysAgo * dayMs;
  const counts = { pushesCount: 1, pullsCount: 0, lastPulledAtMs: null, deletedAtMs: null, lastEventId: 'e' };
  return { ...place, digest: digestOf(letter), mediaType: null, firstSeenAtMs: atMs, lastSeenAtMs: atMs, ...counts, ...changes };
};
const copy = (name: string, letter: string, daysAgo: number, changes: Partial<ReplicaState> = {}): ReplicaState => ({
  ...{ ...home, tag: name, digest: digestOf(letter), targetRegistry: away.registry, targetRepository: away.repository, targetTag: name },
  ...{ status: 'copied', copiedDigest: digestOf(letter), reason: null, decisionEventId: 'd', correlationId: 'c' },
  ...{ changedAtMs: nowMs - daysAgo * dayMs, platforms: [], priorityClass: 'normal' },
  ...changes,
});
const plain: ManifestFacts = { sizeBytes: 10, needs: [], subject: null, isAttestation: false };

type Known = {
  readonly tags?: readonly TagEntry[];
  readonly digests?: readonly DigestEntry[];
  readonly replicas?: readonly ReplicaState[];
  readonly deletedTags?: readonly string[];
  /** Of all digests that are named unless said otherwise. */
  readonly facts?: Readonly<Record<string, ManifestFacts | null>>;
};
function rowsOf({ tags = [], digests = [], replicas = [], deletedTags = [], facts = {} }: Known): CatalogRows {
  const all = new Map<string, ManifestFacts>([...'abcdef'].map((letter) => [digestOf(letter), plain]));
  for (const [letter, said] of Object.entries(facts)) {
    if (said === null) all.delete(digestOf(letter));
    else all.set(digestOf(letter), said);
  }
  return {
    tags: new Map(tags.map((each) => [tagKey(each, each.tag), each])),
    digests: new Map(digests.map((each) => [digestKey(each, each.digest), each])),
    deletedTags: new Set(deletedTags),
    ...{ replicas, facts: all },
  };
}
const nothingRuns = { digests: new Set<string>(), tags: new Set<string>() };
const storedOf = (known: Known, running: typeof nothingRuns | undefined = nothingRuns) => storedImagesOf(rowsOf(known), running);

/** Registry and letter of each, with what `tell` says of it. */
const told = <T>(known: Known, tell: (image: ReturnType<typeof storedOf>[number]) => T, running?: typeof nothingRuns) =>
  Object.fromEntries(storedOf(known, running).map((image) => [`${image.registry[0]} ${image.digest.at(-1)}`, tell(image)]));
const ageDays = ({ pushedAtMs }: { readonly pushedAtMs: number }): number => (nowMs - pushedAtMs) / dayMs;

/** Letters of what a policy deletes. */
function deletedBy(spec: object, known: Known, running: typeof nothingRuns | undefined = nothingRuns): string {
  const parsed = parseDocument({
    apiVersion: 'waybill/v1',
    kind: 'RetentionPolicy',
    metadata: { name: 'p' },
    spec: { match: {}, ...spec },
  });
  assert.ok(parsed.ok);
  const { surroundings } = compileRulebook([parsed.document]).replication;
  const plan = planRetention(surroundings, storedImagesOf(rowsOf(known), running), nowMs);
  return plan.flatMap(({ verdict, image }) => (verdict === 'delete' ? [`${image.registry[0]}${image.digest.at(-1)}`] : [])).join(' ');
}

describe('what lies where', () => {
  it('is what was pushed and not deleted, and what was copied, also to registries that tell us nothing', () => {
    const known: Known = {
      tags: [tag(home, 'v1', 'a', 3), tag(home, 'v2', 'a', 2)],
      digests: [digest(home, 'a', 3), digest(home, 'b', 9), digest(home, 'c', 9, { deletedAtMs: nowMs })],
      replicas: [copy('v1', 'a', 1), copy('v2', 'a', 1, { status: 'copying', copiedDigest: null })],
    };
    assert.deepEqual(
      told(known, ({ tags }) => tags.join(' ')),
      { 'a a': 'v1 v2', 'a b': '', 'b a': 'v1' },
    );
  });

  it('of a registry that tells us of its tags is what it tells', () => {
    const replicas = [copy('v1', 'a', 9), copy('v2', 'b', 9), copy('v3', 'c', 9)];
    const known: Known = {
      tags: [tag(away, 'v1', 'd', 1)],
      digests: [digest(away, 'd', 1), digest(away, 'c', 9, { deletedAtMs: nowMs })],
      deletedTags: [tagKey(away, 'v2')],
      replicas,
    };
    assert.deepEqual(
      told(known, ({ tags }) => tags.join(' ')),
      { 'b d': 'v1' },
    );
  });

  it('at a target that several sources lead to is the newest copy', () => {
    const known: Known = { replicas: [copy('v1', 'b', 1, { repository: 'other' }), copy('v1', 'a', 2)] };
    assert.deepEqual(Object.keys(told(known, ageDays)), ['b b']);
  });

  it('has the size that the inspection found, and none where nothing was inspected', () => {
    const known: Known = { digests: [digest(home, 'a', 1), digest(home, 'b', 1)], facts: { b: null } };
    assert.deepEqual(
      told(known, ({ sizeBytes }) => sizeBytes),
      { 'a a': 10, 'a b': null },
    );
  });
});

describe('the age of what lies somewhere', () => {
  it('counts from when somebody pushed it, or pointed a tag to it', () => {
    const known: Known = {
      tags: [tag(home, 'v1', 'a', 30), tag(home, 'stable', 'b', 2)],
      digests: [digest(home, 'a', 30), digest(home, 'b', 40)],
    };
    assert.deepEqual(told(known, ageDays), { 'a a': 30, 'a b': 2 });
  });

  it('is that of the source through any number of copies, also where platforms were left out and registries copy in circles', () => {
    const third = { targetRegistry: 'c.test' };
    const onwards = copy('v1', 'b', 1, { ...away, ...third, copiedDigest: digestOf('b') });
    const known: Known = {
      tags: [tag(home, 'v1', 'a', 30), tag(away, 'v1', 'b', 2), tag({ ...home, registry: 'c.test' }, 'v1', 'b', 1)],
      digests: [digest(home, 'a', 30), digest(away, 'b', 2), digest({ ...home, registry: 'c.test' }, 'b', 1)],
      replicas: [
        copy('v1', 'a', 2, { copiedDigest: digestOf('b') }),
        onwards,
        copy('v1', 'b', 1, { registry: 'c.test', targetRegistry: away.registry }),
      ],
    };
    assert.deepEqual(told(known, ageDays), { 'a a': 30, 'b b': 30, 'c b': 30 });
  });

  it('is not known of what nobody saw pushed: then it is new', () => {
    assert.ok(told({ replicas: [copy('v1', 'a', 9)] }, ageDays)['b a']! < 0);
  });

  it("retention fooled by replication's own timestamps and pulls", () => {
    // v1 to v3 were pushed in that order, and copied in the opposite one, today. The registry of the copies tells of them as of any push.
    const letters = { v1: 'a', v2: 'b', v3: 'c' };
    const days = { v1: 30, v2: 20, v3: 10 };
    const copiedDaysAgo = { v1: 0.1, v2: 0.2, v3: 0.3 };
    const names = Object.keys(letters) as (keyof typeof letters)[];
    const known: Known = {
      tags: names.flatMap((name) => [tag(home, name, letters[name], days[name]), tag(away, name, letters[name], copiedDaysAgo[name])]),
      digests: names.flatMap((name) => [
        digest(home, letters[name], days[name], {
          lastPulledAtMs: name === 'v1' ? nowMs - dayMs : null,
          pullsCount: 3,
          lastSeenAtMs: nowMs,
        }),
        digest(away, letters[name], copiedDaysAgo[name], { pullsCount: name === 'v1' ? 0 : 99, lastSeenAtMs: nowMs }),
      ]),
      replicas: names.map((name) => copy(name, letters[name], copiedDaysAgo[name])),
    };
    assert.equal(deletedBy({ keepNewest: 1 }, known), 'aa ba ab bb', 'v3 is the newest, at the target as well');
    const atHome = storedOf(known).filter(({ registry }) => registry === home.registry);
    const { deletions } = proposeCleanup(atHome, { bytes: 0, images: 2 });
    assert.deepEqual(
      deletions.map(({ image }) => image.digest.at(-1)),
      ['b', 'c'],
      'v1 is the only one that anybody but us has pulled',
    );
    // What lost its tag is as old at the target as at its source.
    const untagged: Known = {
      ...known,
      tags: [],
      replicas: [copy('old', 'a', 0.1), copy('old', 'b', 0.2)],
      deletedTags: [tagKey(away, 'old')],
    };
    assert.equal(deletedBy({ deleteUntaggedAfterDays: 7 }, untagged), 'aa ba ab bb ac bc');
  });
});

describe('what is in use', () => {
  const known: Known = {
    tags: [tag(home, 'v1', 'a', 9), tag(home, 'v2', 'b', 8), tag(home, 'v3', 'c', 7)],
    digests: [digest(home, 'a', 9), digest(home, 'b', 8), digest(home, 'c', 7), digest(away, 'b', 1)],
  };
  const uses = ({ isInUse }: { readonly isInUse: boolean | null }) => isInUse;

  it('is not known without a list of what runs: nothing is deleted', () => {
    const images = storedImagesOf(rowsOf(known), undefined);
    assert.deepEqual(new Set(images.map(uses)), new Set([null]));
  });

  it('is what runs by its tag or its digest, wherever the same lies', () => {
    const running = { digests: new Set([digestOf('a')]), tags: new Set([tagKey(home, 'v2')]) };
    assert.deepEqual(told(known, uses, running), { 'a a': true, 'a b': true, 'a c': false, 'b b': true });
  });

  it('is an index of which a platform runs', () => {
    const running = { ...nothingRuns, digests: new Set([digestOf('f')]) };
    assert.equal(told({ ...known, facts: { a: { ...plain, needs: [digestOf('f')] } } }, uses, running)['a a'], true);
  });

  it('is what is being copied', () => {
    const replicas = [copy('v1', 'a', 0, { status: 'copying', copiedDigest: null })];
    assert.equal(told({ ...known, replicas }, uses)['a a'], true);
  });

  it('is not known of what has no tag where something could be made of it', () => {
    const loose: Known = { ...known, digests: [...known.digests!, digest(home, 'd', 99)] };
    assert.equal(told(loose, uses)['a d'], false);
    const unclear: Readonly<Record<string, Known>> = {
      'an image that was not inspected': { ...loose, facts: { a: null } },
      'a tag whose digest nobody told': { ...loose, tags: [...known.tags!, tag(home, 'v4', null, 1)] },
      'an image of which only a pull was seen': { ...loose, digests: [...loose.digests!, digest(home, 'e', 1, { pushesCount: 0 })] },
      'an attestation, whose index is not told': { ...loose, facts: { d: { ...plain, isAttestation: true } } },
    };
    for (const [what, given] of Object.entries(unclear)) assert.equal(told(given, uses)['a d'], null, what);
  });

  it('goes with what a signature is about, by its own word or by its tag', () => {
    const signed: Known = {
      tags: [...known.tags!, tag(home, `sha256-${'a'.repeat(64)}.sig`, 'd', 99)],
      digests: [...known.digests!, digest(home, 'd', 99), digest(home, 'e', 99)],
      facts: { e: { ...plain, subject: digestOf('c') } },
    };
    const subjects = told(signed, ({ attachedTo }) => attachedTo?.at(-1));
    assert.deepEqual([subjects['a d'], subjects['a e']], ['a', 'c']);
    assert.equal(deletedBy({ keepNewest: 1, deleteUntaggedAfterDays: 1 }, signed), 'ad aa ab');
  });
});

describe('a list of what runs', () => {
  const parse = (...lines: readonly string[]) => parseRunning(lines.join('\n'), 'running.txt');

  it('takes images as tools write them', () => {
    const { digests, tags } = parse(
      ...['# kubectl get pods', '', ' a.test/demo/app:v1 ', 'localhost:5000/x', 'nginx:1.27', 'grafana/grafana'],
      ...[`docker-pullable://a.test/demo/app@${digestOf('a')}`, `a.test/demo/app:v2@${digestOf('b')}`, digestOf('c'), '\r'],
    );
    assert.deepEqual([...digests], ['a', 'b', 'c'].map(digestOf));
    assert.deepEqual(
      [...tags],
      ['a.test/demo/app:v1', 'localhost:5000/x:latest', 'docker.io/library/nginx:1.27', 'docker.io/grafana/grafana:latest'],
    );
  });

  for (const line of ['no image', 'A/B', 'a.test/x@sha256:123', 'a.test/x:', '{"image":"x"}', 'a.test/x:v1,'])
    it(`refuses ${line}`, () =>
      assert.throws(
        () => parse('a.test/x:v1', line),
        (error) => error instanceof CliError && error.exitCode === 2 && error.message.startsWith('running.txt:2 is no image'),
      ));
});
