/** Runs tasks in order, at most `concurrency` at a time; a task must not reject. */
export async function inPool(tasks: readonly (() => Promise<void>)[], concurrency: number): Promise<void> {
  const waiting = tasks[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const task of waiting) await task(); // One iterator shared by all workers: each task is taken once.
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
