/** Fewer than there are stores: they are not all written at the same time. */
const keptMax = 4;
/** What is smaller is cheaper to make than to keep. */
const keptBytesMin = 1_048_576;

const kept: ArrayBuffer[] = [];

/**
 * Memory to pack rows into. It goes to the thread that writes, and comes back with its answer: pieces of some MiB that are made and freed
 * all the time, by several threads, cost the process two and three times what is in use, since the allocator keeps them apart.
 */
export function takeMemory(bytes: number): Buffer {
  const index = kept.findIndex(({ byteLength }) => byteLength >= bytes);
  return index < 0 ? Buffer.allocUnsafeSlow(bytes) : Buffer.from(kept.splice(index, 1)[0]!);
}

/** Nobody may look into it any more. */
export function giveBackMemory(memory: ArrayBuffer): void {
  if (memory.byteLength >= keptBytesMin && kept.length < keptMax) kept.push(memory);
}
