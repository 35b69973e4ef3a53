import type { HostCircuit } from '@waybill/stream';

/** Hosts come from outside: no answer must grow with them. */
export const circuitsShownMax = 100;

export type OpenCircuit = HostCircuit & { readonly openSinceMs: number };

/** Those that hold jobs back, the longest open first. */
export const openCircuits = (circuits: readonly HostCircuit[]): readonly OpenCircuit[] =>
  circuits
    .filter((circuit): circuit is OpenCircuit => circuit.openSinceMs !== undefined)
    .toSorted((a, b) => a.openSinceMs - b.openSinceMs)
    .slice(0, circuitsShownMax);
