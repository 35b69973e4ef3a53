import type { Evidence, RegistryFact } from './evidence.ts';
import { oncePer } from './once.ts';
import type { Rulebook } from './rulebook.ts';
import type { CompiledSet } from './set/compiled-set.ts';

/** Whether anything in force turns on who pulls: where it does not, nobody needs to find it out. */
export const asksForPulls = ({ replication, admission }: Rulebook): boolean => asksIn(replication) || asksIn(admission);

const asksIn = oncePer(({ policies }: CompiledSet): boolean =>
  policies.some(
    ({ when, document: { spec } }) =>
      when?.facts.some((path) => path.startsWith('usage.')) === true ||
      ('replicate' in spec && spec.replicate?.some(({ placement }) => placement === 'by-pulls') === true),
  ),
);

/** Evidence that notes which of the facts that stand beside the image are asked for. */
export type Asking = {
  /** As given, to whoever decides by it. */
  readonly evidence: Evidence;
  /** Without the facts that nobody has asked for until now: whoever decides by this decides the same. */
  readonly asked: () => Evidence;
};

/**
 * Hundreds of registries may be known, and a tenant's usage changes all the time: a decision is to name what it was made from, and no more.
 * Registries count each by itself; usage and pulls count whole.
 */
export function noteAsked(given: Evidence): Asking {
  // Most images are decided by what is known of themselves.
  if (!given.registries && !given.usage && !given.pullsByRegion) return { evidence: given, asked: () => given };
  const { registries, usage, pullsByRegion, ...own } = given;
  const names = new Set<string>();
  const whole = new Set<'usage' | 'pullsByRegion'>();
  const evidence: Evidence = {
    ...own,
    ...(registries && { registries: noting(registries, (name) => names.add(name)) }),
    ...(usage && { usage: noting(usage, () => whole.add('usage')) }),
    ...(pullsByRegion && { pullsByRegion: noting(pullsByRegion, () => whole.add('pullsByRegion')) }),
  };
  const asked = (): Evidence => {
    const known = registriesNamed(registries ?? {}, names);
    return {
      ...own,
      ...(known && { registries: known }),
      ...(usage && whole.has('usage') && { usage }),
      ...(pullsByRegion && whole.has('pullsByRegion') && { pullsByRegion }),
    };
  };
  return { evidence, asked };
}

/** Undefined where nothing is known of any of them. */
function registriesNamed(registries: NonNullable<Evidence['registries']>, names: ReadonlySet<string>): Evidence['registries'] {
  const known = [...names].toSorted().flatMap((name): readonly (readonly [string, RegistryFact])[] => {
    const fact = Object.hasOwn(registries, name) ? registries[name] : undefined;
    return fact === undefined || Object.keys(fact).length === 0 ? [] : [[name, fact]];
  });
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

/** @param note Is called with each key that is asked for, and with an empty one by who asks for all */
const noting = <T extends object>(facts: T, note: (key: string) => void): T =>
  new Proxy(facts, {
    get: (target, key) => (note(String(key)), Reflect.get(target, key)),
    has: (target, key) => (note(String(key)), Reflect.has(target, key)),
    getOwnPropertyDescriptor: (target, key) => (note(String(key)), Reflect.getOwnPropertyDescriptor(target, key)),
    ownKeys: (target) => (note(''), Reflect.ownKeys(target)),
  });
