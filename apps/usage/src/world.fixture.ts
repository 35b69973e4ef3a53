import fc from 'fast-check';
import { repositoryKey, tagKey, type Target } from '@waybill/domain';
import { copied, decided, deleted, digestOf, failed, hostOf, minuteMs, nowMs, pulled, to, type Happening } from './testing.fixture.ts';

/** What happens in a world with two tenants, as it happens. */
export type Fact = { readonly at: number } & (
  | {
      readonly kind: 'decided';
      readonly source: Source;
      readonly tag: string;
      readonly digest: string;
      readonly outcome: string;
      readonly targets: readonly Target[];
      readonly takenBack: readonly Target[];
      readonly sizeBytes: number;
    }
  | { readonly kind: 'copied'; readonly copy: Copy; readonly placed: string; readonly imageBytes: number | null }
  | { readonly kind: 'failed'; readonly copy: Copy }
  | { readonly kind: 'deleted'; readonly place: Place; readonly tag?: string; readonly digest?: string }
  | { readonly kind: 'pulled'; readonly place: Place; readonly id: string }
);
type Place = { readonly registry: string; readonly repository: string };
export type Source = Place & { readonly tenant: string };
export type Copy = { readonly source: Source; readonly tag: string; readonly digest: string; readonly target: Target };

const sources: readonly Source[] = [
  { registry: 'a.test', repository: 'acme/app', tenant: 'acme' },
  { registry: 'a.test', repository: 'shop/web', tenant: 'shop' },
];
const digests = ['a', 'b', 'c'].map(digestOf);
/** What is left of an image of which some platforms are copied. */
const filtered = (digest: string): string => digestOf(digest.at(-1) === 'a' ? 'd' : 'e');
const targetsOf = ({ repository }: Source, tag: string): readonly Target[] => [
  to('a', tag, repository),
  to('b', tag, repository),
  to('c', tag, `mirror/${repository}`),
];
export const placeOf = ({ registry, repository }: Target): Place => ({ registry: hostOf(registry), repository });

const step = fc.record({
  minutes: fc.nat(25),
  kind: fc.constantFrom('decided', 'decided', 'decided', 'denied', 'copied', 'copied', 'failed', 'deleted', 'pulled', 'pulled'),
  at: fc.nat(1_000),
  which: fc.nat(1_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Copies are made and fail only of what is wanted, and only what a decision on the same digest named is taken back, as in the real one. */
export const anyHistory: fc.Arbitrary<readonly Fact[]> = fc.array(step, { minLength: 1, maxLength: 40 }).map((steps) => {
  const said = new Map<string, { readonly digest: string; readonly targets: readonly Target[] }>();
  const wanted = new Map<string, Copy>();
  let clockMs = nowMs;
  return steps.flatMap((taken, index): readonly Fact[] => {
    clockMs += taken.minutes * minuteMs + 1;
    return factOf(taken, { at: clockMs, id: `pull ${index}` }, said, wanted);
  });
});

function factOf(
  { kind, at, which }: Step,
  { id, ...now }: { readonly at: number; readonly id: string },
  said: Map<string, { readonly digest: string; readonly targets: readonly Target[] }>,
  wanted: Map<string, Copy>,
): readonly Fact[] {
  const source = sources[at % 2]!;
  const tag = `v${(at % 3) % 2}`;
  const key = tagKey(source, tag);
  const target = targetsOf(source, tag)[which % 3]!;
  const copy = wanted.get(tagKey(placeOf(target), tag));
  if (kind === 'pulled') return [{ ...now, kind, place: placeOf(target), id }];
  if (kind === 'failed') return copy === undefined ? [] : [{ ...now, kind, copy }];
  if (kind === 'copied') {
    if (copy === undefined) return [];
    const placed = at % 5 === 0 ? filtered(copy.digest) : copy.digest;
    return [{ ...now, kind, copy, placed, imageBytes: which % 2 === 0 ? null : 1 + (which % 50) }];
  }
  if (kind === 'deleted') {
    const what = [{ tag }, { digest: digests[at % 3]! }, { digest: filtered(digests[at % 3]!) }, { tag, digest: digests[at % 3]! }, {}];
    return [{ ...now, kind, place: placeOf(target), ...what[which % 5] }];
  }
  const before = said.get(key);
  const digest = kind === 'denied' && before ? before.digest : digests[which % 3]!;
  const told = before?.digest === digest ? before.targets : [];
  const targets = kind === 'denied' ? [] : targetsOf(source, tag).filter((_, index) => ((which >> index) & 1) === 1);
  const takenBack = told.filter((known) => !targets.some(({ registry }) => registry === known.registry));
  said.set(key, { digest, targets });
  for (const each of targets) wanted.set(tagKey(placeOf(each), tag), { source, tag, digest, target: each });
  const outcome = kind === 'denied' ? 'deny' : 'allow';
  return [{ ...now, kind: 'decided', source, tag, digest, outcome, targets, takenBack, sizeBytes: 100 + (which % 100) }];
}

/** As topics carry it. */
export function happeningOf(fact: Fact): Happening {
  switch (fact.kind) {
    case 'decided': {
      const { at, source, tag, digest, outcome, targets, takenBack, sizeBytes } = fact;
      const { tenant, ...image } = source;
      return decided({ at, image, tag, digest, outcome, targets: outcome === 'allow' ? targets : takenBack, takenBack, tenant, sizeBytes });
    }
    case 'copied': {
      const { at, copy, placed, imageBytes } = fact;
      const { tenant: _, ...image } = copy.source;
      return copied({ at, image, tag: copy.tag, digest: copy.digest, target: copy.target, placed, imageBytes });
    }
    case 'failed': {
      const { tenant: _, ...image } = fact.copy.source;
      return failed({ at: fact.at, image, tag: fact.copy.tag, digest: fact.copy.digest, target: fact.copy.target });
    }
    case 'deleted': {
      const { at, place, tag, digest } = fact;
      return deleted({ at, ...place, ...(tag !== undefined && { tags: [tag] }), ...(digest !== undefined && { digest }) });
    }
    case 'pulled':
      return pulled({ at: fact.at, ...fact.place, id: fact.id });
  }
}

type Slot = {
  want?: { readonly digest: string; readonly tenant: string; readonly registry: string; readonly sizeBytes: number };
  isWanted: boolean;
  lastCopy?: { readonly digest: string; readonly placed: string; readonly bytes: number | null };
  isThere: boolean;
  takenBackOf?: string | undefined;
};

/** What there is after all of it, gone through by the clock, tag by tag, without rows, sums or messages. */
export function recountOf(facts: readonly Fact[]) {
  const slots = new Map<string, Slot>();
  const copiesAt: { readonly tenant: string; readonly at: number }[] = [];
  const sourceOf = new Map<string, string>();
  const pulls = new Map<string, number>();
  const slotAt = (target: Target): Slot => {
    const key = tagKey(placeOf(target), target.tag);
    if (!slots.has(key)) slots.set(key, { isWanted: false, isThere: false });
    return slots.get(key)!;
  };
  for (const fact of facts) {
    if (fact.kind === 'decided') takeDecision(fact, slotAt, copiesAt, sourceOf);
    else if (fact.kind === 'copied') {
      const { copy, placed, imageBytes } = fact;
      Object.assign(slotAt(copy.target), { lastCopy: { digest: copy.digest, placed, bytes: imageBytes }, isThere: true });
    } else if (fact.kind === 'failed') {
      const slot = slotAt(fact.copy.target);
      if (slot.want?.digest === fact.copy.digest) slot.isWanted = false;
    } else if (fact.kind === 'deleted') takeDeletion(fact, slots);
    else pulls.set(repositoryKey(fact.place), (pulls.get(repositoryKey(fact.place)) ?? 0) + 1);
  }
  return { ...summed([...slots.values()]), copies: newestHour(copiesAt), pulls: pullsBySource(pulls, sourceOf) };
}

function takeDecision(
  { at, source, digest, outcome, targets, takenBack, sizeBytes }: Extract<Fact, { kind: 'decided' }>,
  slotAt: (target: Target) => Slot,
  copiesAt: { readonly tenant: string; readonly at: number }[],
  sourceOf: Map<string, string>,
): void {
  for (const target of takenBack) {
    const slot = slotAt(target);
    if (slot.want?.digest === digest) Object.assign(slot, { isWanted: false, takenBackOf: digest });
  }
  for (const target of outcome === 'allow' ? targets : []) {
    const slot = slotAt(target);
    if (slot.want?.digest !== digest || slot.takenBackOf === digest) copiesAt.push({ tenant: source.tenant, at });
    const want = { digest, tenant: source.tenant, registry: target.registry, sizeBytes };
    Object.assign(slot, { want, isWanted: true, takenBackOf: undefined });
    const place = repositoryKey(placeOf(target));
    if (place !== repositoryKey(source)) sourceOf.set(place, repositoryKey(source));
  }
}

function takeDeletion({ place, tag, digest }: Extract<Fact, { kind: 'deleted' }>, slots: ReadonlyMap<string, Slot>): void {
  for (const [key, slot] of slots) {
    if (!key.startsWith(`${repositoryKey(place)}:`)) continue;
    const { want, lastCopy } = slot;
    const isAll = digest === undefined && tag === undefined;
    const isTag = tag !== undefined && key === tagKey(place, tag);
    if (isAll || isTag || (digest !== undefined && lastCopy?.placed === digest)) slot.isThere = false;
    const isOfWanted =
      digest !== undefined && (want?.digest === digest || (lastCopy?.placed === digest && lastCopy.digest === want?.digest));
    if (isAll || isTag || isOfWanted) slot.isWanted = false;
  }
}

function summed(slots: readonly Slot[]) {
  const [tenants, registries] = [new Map<string, readonly [bytes: number, images: number]>(), new Map<string, number>()];
  for (const { want, isWanted, isThere, lastCopy } of slots) {
    if (want === undefined || (!isWanted && !isThere)) continue;
    const bytes = (lastCopy?.digest === want.digest ? lastCopy.bytes : null) ?? want.sizeBytes;
    const [bytesBefore, imagesBefore] = tenants.get(want.tenant) ?? [0, 0];
    tenants.set(want.tenant, [bytesBefore + bytes, imagesBefore + 1]);
    registries.set(want.registry, (registries.get(want.registry) ?? 0) + bytes);
  }
  return { tenants: sorted(tenants), registries: sorted(registries) };
}

function newestHour(copiesAt: readonly { readonly tenant: string; readonly at: number }[]) {
  const minuteOf = (at: number): number => Math.floor(at / minuteMs);
  const newest = new Map<string, number>();
  for (const { tenant, at } of copiesAt) newest.set(tenant, Math.max(newest.get(tenant) ?? 0, minuteOf(at)));
  const copies = new Map<string, number>();
  for (const { tenant, at } of copiesAt) if (minuteOf(at) >= newest.get(tenant)! - 60) copies.set(tenant, (copies.get(tenant) ?? 0) + 1);
  return sorted(copies);
}

function pullsBySource(pulls: ReadonlyMap<string, number>, sourceOf: ReadonlyMap<string, string>) {
  const bySource = new Map<string, number>();
  for (const [place, count] of pulls) bySource.set(sourceOf.get(place) ?? place, (bySource.get(sourceOf.get(place) ?? place) ?? 0) + count);
  return sorted(bySource);
}

export const sorted = <T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] =>
  [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
