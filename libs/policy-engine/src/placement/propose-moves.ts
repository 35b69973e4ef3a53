import type { Surroundings } from '../surroundings.ts';
import { monthlyCostOf, moveCostOf } from './cost.ts';
import type { Placement } from './placement.ts';

/** One step to a cheaper placement. */
export type Move = {
  readonly image: string;
  /** `drop` takes a copy away, `add` makes one, `move` does both. */
  readonly action: 'drop' | 'add' | 'move';
  readonly from: string | null;
  readonly to: string | null;
  readonly costBefore: number;
  readonly costAfter: number;
  /** Each month: before minus after. */
  readonly saving: number;
  /** Once. */
  readonly moveCost: number;
};

export type MoveBounds = {
  /** Placements that cost less in a month are left alone: consolidation begins above it. */
  readonly monthlyCostMin: number;
  /** Steps that save less in a month, the move itself spread over the months of `paybackMonths`, are not worth it. */
  readonly savingMin: number;
  readonly paybackMonths: number;
  readonly movesMax: number;
};

export const defaultMoveBounds: MoveBounds = { monthlyCostMin: 0, savingMin: 0.01, paybackMonths: 6, movesMax: 1_000 };

/** Steps for one image: each is the best that there is after the one before. */
const stepsMax = 10;

/**
 * Moves that make placements cheaper, the images that save most first, the steps of each in their order: consolidation drops copies
 * that nobody needs, rebalancing brings an image to where it is pulled. Nothing is proposed that takes away what is pinned, leaves fewer
 * copies than policies want, puts one where the image must not lie, or does not fit; room goes to what costs most. Deterministic, bounded;
 * carries nothing out.
 *
 * @param usedBytes by the name of the registry; where it is not known, a registry with a limit takes nothing more
 */
export function proposeMoves(
  placements: readonly Placement[],
  { Registry }: Pick<Surroundings, 'Registry'>,
  usedBytes: Readonly<Record<string, number>>,
  bounds: Partial<MoveBounds> = {},
): readonly Move[] {
  const limits = { ...defaultMoveBounds, ...bounds };
  const room = roomIn(Registry, usedBytes);
  const ways: Move[][] = [];
  let movesCount = 0;
  const dearestFirst = placements
    .map((placement) => ({ placement, cost: monthlyCostOf(placement, Registry) ?? 0 }))
    .toSorted((a, b) => b.cost - a.cost || (a.placement.image < b.placement.image ? -1 : 1));
  for (const { placement: start } of dearestFirst) {
    let placement = start;
    const way: Move[] = [];
    for (let steps = 0; steps < stepsMax && movesCount < limits.movesMax; steps += 1, movesCount += 1) {
      const best = bestStepFrom(placement, Registry, room, limits);
      if (best === undefined) break;
      way.push(best.move);
      if (best.move.to !== null) room.set(best.move.to, room.get(best.move.to)! - placement.sizeBytes);
      placement = best.placement;
    }
    ways.push(way);
  }
  return ways.toSorted((a, b) => savingOf(b) - savingOf(a)).flat();
}

const savingOf = (way: readonly Move[]): number => way.reduce((sum, { saving }) => sum + saving, 0);

type Step = { readonly move: Move; readonly placement: Placement };

function roomIn(registries: Surroundings['Registry'], usedBytes: Readonly<Record<string, number>>): Map<string, number> {
  const roomOf = (name: string, bytesMax: number | undefined): number => {
    if (bytesMax === undefined) return Infinity;
    return Object.hasOwn(usedBytes, name) ? bytesMax - usedBytes[name]! : 0;
  };
  return new Map([...registries].map(([name, { spec }]) => [name, roomOf(name, spec.limits?.bytesMax)]));
}

function bestStepFrom(
  placement: Placement,
  registries: Surroundings['Registry'],
  room: ReadonlyMap<string, number>,
  { monthlyCostMin, savingMin, paybackMonths }: MoveBounds,
): Step | undefined {
  const costBefore = monthlyCostOf(placement, registries);
  if (costBefore === undefined || costBefore < monthlyCostMin) return undefined;
  let best: (Step & { readonly worth: number }) | undefined;
  for (const { action, from, to } of changesOf(placement, room)) {
    const there = [...placement.registries.filter((name) => name !== from), ...(to === null ? [] : [to])];
    const next = { ...placement, registries: there };
    const costAfter = monthlyCostOf(next, registries);
    const moveCost = to === null ? 0 : moveCostOf(placement, to, registries);
    if (costAfter === undefined || moveCost === undefined) continue;
    const saving = costBefore - costAfter;
    const worth = saving - moveCost / paybackMonths;
    if (worth < savingMin || worth <= 0 || worth <= (best?.worth ?? 0)) continue;
    best = { move: { image: placement.image, action, from, to, costBefore, costAfter, saving, moveCost }, placement: next, worth };
  }
  return best;
}

type Change = Pick<Move, 'action' | 'from' | 'to'>;

/** All that one step can do, in the order of names, so that of equals the first is always the same. */
function changesOf(placement: Placement, room: ReadonlyMap<string, number>): readonly Change[] {
  const { registries, pinned, allowed, copiesMin, sizeBytes } = placement;
  const here = registries.toSorted();
  const movable = here.filter((name) => !pinned.includes(name));
  const spareCount = here.filter((name) => allowed.includes(name)).length - copiesMin;
  const elsewhere = [...new Set(allowed)].filter((name) => !here.includes(name) && (room.get(name) ?? 0) >= sizeBytes).toSorted();
  const changes: Change[] = [];
  const droppable = here.length > 1 ? movable.filter((name) => spareCount >= (allowed.includes(name) ? 1 : 0)) : [];
  for (const from of droppable) changes.push({ action: 'drop', from, to: null });
  for (const to of elsewhere) changes.push({ action: 'add', from: null, to });
  for (const from of movable) for (const to of elsewhere) changes.push({ action: 'move', from, to });
  return changes;
}
