const [countAt, isEndingAt] = [0, 1];

/** Orders that the second thread is at, seen from both threads, so that the process does not end in the middle of one. */
export class UnderWay {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.#words = new Int32Array(shared);
  }

  /** What the other thread makes its own of. */
  get shared(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  /** @returns false once the process is ending: then nothing may begin */
  begin(): boolean {
    Atomics.add(this.#words, countAt, 1);
    if (Atomics.load(this.#words, isEndingAt) === 0) return true;
    this.end();
    return false;
  }

  end(): void {
    Atomics.sub(this.#words, countAt, 1);
    Atomics.notify(this.#words, countAt);
  }

  /** Lets nothing begin any more. Blocks until nothing is under way. @returns whether that was so within `timeoutMs` */
  settle(timeoutMs: number): boolean {
    Atomics.store(this.#words, isEndingAt, 1);
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const count = Atomics.load(this.#words, countAt);
      const leftMs = deadlineMs - performance.now();
      if (count === 0 || leftMs <= 0) return count === 0;
      Atomics.wait(this.#words, countAt, count, leftMs);
    }
  }
}
