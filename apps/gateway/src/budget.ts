/** Bounds what is held at once for requests that are being read or answered. */
export type Budget = {
  /** @returns what gives the place back, any number of times; undefined where there is none left */
  readonly reserve: (bytes: number) => (() => void) | undefined;
};

export function createBudget(limits: { readonly requestsMax: number; readonly bytesMax: number }): Budget {
  let [requests, held] = [0, 0];
  return {
    reserve(bytes) {
      if (requests >= limits.requestsMax || (held > 0 && held + bytes > limits.bytesMax)) return undefined;
      requests++;
      held += bytes;
      let isReleased = false;
      return () => {
        if (isReleased) return;
        isReleased = true;
        requests--;
        held -= bytes;
      };
    },
  };
}
