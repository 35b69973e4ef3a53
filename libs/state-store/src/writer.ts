import { StreamError } from '@waybill/stream';
import { Worker } from 'node:worker_threads';
import type { Order, Reply, Request } from './writer-thread.ts';

type Waiting = { readonly request: Request; readonly settle: PromiseWithResolvers<unknown> };

/** Which store is meant: a process may open a folder twice, as two processes do. */
export type StoreId = { readonly owner: string; readonly folder: string };

/**
 * One cannot keep up with a thread that reads a log into stores: a restore is as fast as the rows are sorted and written. A second one is
 * started with the second store.
 */
const threadsMax = 2;
const threads = new Map<number, WriterThread>();
let storesCount = 0;
let lastId = 0;

/** What asks for one store. @throws StreamError `FENCED` when another process has opened the store since, `STORE_FAILED` */
export type AskWriter = (order: Order, transfer?: readonly ArrayBuffer[]) => Promise<unknown>;

/** A store belongs to one thread: its requests are served in order. The process stays alive as long as one has no answer. */
export function writerOf(store: StoreId): AskWriter {
  const index = storesCount++ % threadsMax;
  return async (order, transfer = []) => threads.getOrInsertComputed(index, () => new WriterThread(index)).ask(store, order, transfer);
}

class WriterThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();

  constructor(index: number) {
    const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), {
      ...{ execArgv: [], name: `state-store-${index}` },
      resourceLimits: { maxYoungGenerationSizeMb: 8 }, // What it makes are views of one row: they die young, however little room there is.
    });
    worker.unref();
    worker.on('message', (reply: Reply) => this.#settle(reply));
    worker.on('error', (error) => {
      threads.delete(index); // Its stores are gone with it; whoever uses one of them fails, and the process starts anew.
      for (const { request, settle } of this.#waiting.values()) settle.reject(errorOf(request, { isFenced: false, error }));
      this.#waiting.clear();
    });
    this.#worker = worker;
  }

  async ask({ owner, folder }: StoreId, order: Order, transfer: readonly ArrayBuffer[]): Promise<unknown> {
    const request: Request = { owner, folder, order };
    const id = (lastId += 1);
    const settle = Promise.withResolvers<unknown>();
    if (this.#waiting.size === 0) this.#worker.ref();
    this.#waiting.set(id, { request, settle });
    this.#worker.postMessage({ id, request }, transfer);
    return settle.promise;
  }

  #settle({ id, result, failure }: Reply): void {
    const { request, settle } = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (failure) settle.reject(errorOf(request, failure));
    else settle.resolve(result);
  }
}

function errorOf({ folder, order }: Request, { isFenced, error }: NonNullable<Reply['failure']>): StreamError {
  if (isFenced) return new StreamError('FENCED', `another process has opened the state in ${folder}`);
  const advice = "check the disk's space and health";
  const what = `the state in ${folder} cannot be used (${order.kind}): ${error instanceof Error ? error.message : String(error)}`;
  return new StreamError('STORE_FAILED', `${what}; ${advice}`, { cause: error });
}
