/** Bounds what is held at once for requests that are being read or answered. */
export type Budget = {
  /** @returns undefined where there is no place left, or none for this endpoint */
  readonly reserve: (endpoint: string, bytes: number) => Place | undefined;
};

export type Place = {
  /** Once the body is there and its size known: a chunked one holds as much as the largest until then. */
  readonly shrink: (bytes: number) => void;
  /** Gives it back; any number of times. */
  readonly release: () => void;
};

export type BudgetLimits = { readonly requestsMax: number; readonly bytesMax: number };

/**
 * How much of what is free an endpoint may hold itself. Alone it gets up to 4/5 of all; n that ask for more than there is get 4/(1 + 4n)
 * each, and 1/(1 + 4n) stays free for whoever comes next. So the flood of one endpoint takes no place from another, and no place is kept
 * for endpoints that do not ask (Choudhury and Hahne, Dynamic Queue Length Thresholds, 1998).
 */
const shareOfFree = 4;

export function createBudget({ requestsMax, bytesMax }: BudgetLimits): Budget {
  const endpoints = new Map<string, { requests: number; bytes: number }>();
  const all = { requests: 0, bytes: 0 };

  return {
    reserve(endpoint, asked) {
      const own = endpoints.get(endpoint) ?? { requests: 0, bytes: 0 };
      if (all.requests >= requestsMax || own.requests >= shareOfFree * (requestsMax - all.requests)) return undefined;
      if (all.bytes + asked > bytesMax || own.bytes + asked > shareOfFree * (bytesMax - all.bytes)) return undefined;
      endpoints.set(endpoint, own);
      let held = 0;
      const add = (requests: number, bytes: number): void => {
        held += bytes;
        for (const count of [own, all]) {
          count.requests += requests;
          count.bytes += bytes;
        }
      };
      add(1, asked);
      let isReleased = false;
      return {
        shrink: (bytes) => {
          if (!isReleased && bytes < held) add(0, bytes - held);
        },
        release: () => {
          if (isReleased) return;
          isReleased = true;
          add(-1, -held);
          if (own.requests === 0) endpoints.delete(endpoint);
        },
      };
    },
  };
}
