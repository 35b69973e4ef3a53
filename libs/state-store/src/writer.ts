import { StreamError } from '@waybill/stream';
import { Worker } from 'node:worker_threads';
import { UnderWay } from './under-way.ts';
import type { Order, Reply, Request } from './writer-thread.ts';

type Waiting = { readonly request: Request; readonly settle: PromiseWithResolvers<unknown> };

/** Which store is meant: a process may open a folder twice, as two processes do. */
export type StoreId = { readonly owner: string; readonly folder: string };

let thread: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, Waiting>();

/** How long `process.exit` waits for the order that the thread is at. */
const exitMsMax = 2_000;

/**
 * Asks the thread that writes; all stores of the process share it, and it starts with the first. Requests are served in order.
 * The process stays alive as long as one has no answer.
 * @throws StreamError `FENCED` when another process has opened the store since, `STORE_FAILED`
 */
export async function askWriter(store: StoreId, order: Order, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
  thread ??= startThread();
  const request: Request = { owner: store.owner, folder: store.folder, order };
  const id = (lastId += 1);
  const settle = Promise.withResolvers<unknown>();
  if (waiting.size === 0) thread.ref();
  waiting.set(id, { request, settle });
  thread.postMessage({ id, request }, transfer);
  return settle.promise;
}

function startThread(): Worker {
  const underWay = new UnderWay();
  const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), {
    ...{ execArgv: [], name: 'state-store', workerData: underWay.shared },
    resourceLimits: { maxYoungGenerationSizeMb: 8 }, // What it makes are views of one row: they die young, however little room there is.
  });
  worker.unref();
  process.once('exit', () => {
    if (thread === worker) leave(underWay);
  });
  worker.on('message', ({ id, result, failure }: Reply) => {
    const { request, settle } = waiting.get(id)!;
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    if (failure) settle.reject(errorOf(request, failure));
    else settle.resolve(result);
  });
  worker.on('error', (error) => {
    thread = undefined; // Its stores are gone with it; whoever uses one of them fails, and the process starts anew.
    for (const { request, settle } of waiting.values()) settle.reject(errorOf(request, { isFenced: false, error }));
    waiting.clear();
  });
  return worker;
}

/**
 * `process.exit` stops the thread wherever it is; in the middle of LMDB that ends in an abort, or never, for locks that nobody lets go of.
 * What is still not over then ends as a store may end at any moment.
 */
function leave(underWay: UnderWay): void {
  if (!underWay.settle(exitMsMax)) process.kill(process.pid, 'SIGKILL');
}

function errorOf({ folder, order }: Request, { isFenced, error }: NonNullable<Reply['failure']>): StreamError {
  if (isFenced) return new StreamError('FENCED', `another process has opened the state in ${folder}`);
  const advice = "check the disk's space and health";
  const what = `the state in ${folder} cannot be used (${order.kind}): ${error instanceof Error ? error.message : String(error)}`;
  return new StreamError('STORE_FAILED', `${what}; ${advice}`, { cause: error });
}
