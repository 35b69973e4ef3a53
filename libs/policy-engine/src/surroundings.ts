import type { OtherKind, Written } from './document/document.ts';
import type { Evidence } from './evidence.ts';

/**
 * What is published beside policies, by name: decisions look it up. Each kind lies in the order of names, so that nothing depends on what
 * was published first.
 */
export type Surroundings = { readonly [K in OtherKind]: ReadonlyMap<string, Written<K>> };

export const noSurroundings: Surroundings = {
  Registry: new Map(),
  Residency: new Map(),
  RetentionPolicy: new Map(),
  Tenant: new Map(),
  Exception: new Map(),
};

/** All that one policy is asked with. */
export type Question = {
  readonly evidence: Evidence;
  /** Unix ms; ages count from here. */
  readonly atMs: number;
  readonly surroundings: Surroundings;
};
