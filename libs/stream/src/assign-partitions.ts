/** A member as the group's leader sees it. `owned` is what it says it had before. */
export type AssignedMember = { readonly id: string; readonly owned: readonly number[] };

/**
 * Shares partition numbers out among members: each number with all its topics goes to one member (co-partitioning), each
 * member gets floor or ceil of the fair share, and keeps what it had as far as its share allows (sticky).
 * Pure and independent of the order of `members`, so that every leader decides alike.
 */
export function assignPartitions(members: readonly AssignedMember[], partitions: number): ReadonlyMap<string, readonly number[]> {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const assigned = new Map(sorted.map(({ id }) => [id, [] as number[]]));
  if (sorted.length === 0) return assigned;

  const shareMin = Math.floor(partitions / sorted.length);
  let extras = partitions % sorted.length;
  const free = new Set(Array.from({ length: partitions }, (_, partition) => partition));
  for (const { id, owned } of sorted) {
    const mine = assigned.get(id)!;
    for (const partition of owned.toSorted((a, b) => a - b)) {
      const limit = extras > 0 ? shareMin + 1 : shareMin;
      if (mine.length >= limit || !free.delete(partition)) continue;
      mine.push(partition);
      if (mine.length > shareMin) extras -= 1;
    }
  }
  for (const partition of free) {
    const smallest = sorted.map(({ id }) => assigned.get(id)!).reduce((best, mine) => (mine.length < best.length ? mine : best));
    smallest.push(partition);
  }
  for (const mine of assigned.values()) mine.sort((a, b) => a - b);
  return assigned;
}
