import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Which requests go wrong, how, and how often. */
export type Fault = {
  readonly method?: string;
  /** Against path and query. */
  readonly path: RegExp;
  /** Default: 1; `Infinity` for all. */
  readonly times?: number;
} & (
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The answer's body ends there, by default in its middle: the connection is cut, or falls silent until the client goes. */
  | { readonly kind: 'cut' | 'stall'; readonly atBytes?: number }
  /** The request's body ends there. The bytes before have arrived, where the registry keeps what it has of an upload. */
  | { readonly kind: 'cut-request'; readonly atBytes: number; readonly isKept?: boolean }
  /** The request is carried out, and the connection cut in place of an answer. */
  | { readonly kind: 'lose-answer' }
  /** The answer has other headers than it should: a length or a range that is a lie. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** One bit of the body is another. */
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** No answer until the client goes. */
  | { readonly kind: 'hang' }
);

export type Faults = {
  readonly add: (fault: Fault) => void;
  readonly clear: () => void;
  /** The fault that this request meets, counted down. */
  readonly take: (request: IncomingMessage) => Fault | undefined;
};

export function createFaults(): Faults {
  let active: { readonly fault: Fault; left: number }[] = [];
  return {
    add: (fault) => void active.push({ fault, left: fault.times ?? 1 }),
    clear: () => void (active = []),
    take({ method, url }) {
      const met = active.find(({ fault, left }) => left > 0 && (fault.method ?? method) === method && fault.path.test(url ?? ''));
      if (met) met.left--;
      return met?.fault;
    },
  };
}

/** Sends a body as the fault wants it. */
export async function sendFaulty(response: ServerResponse, bytes: Buffer, fault: Fault | undefined): Promise<void> {
  if (fault?.kind === 'corrupt' && bytes.length > 0) {
    const changed = Buffer.from(bytes);
    changed[changed.length >> 1]! ^= 1;
    response.end(changed);
  } else if (fault?.kind === 'cut' || fault?.kind === 'stall') {
    response.write(bytes.subarray(0, fault.atBytes ?? bytes.length >> 1));
    await sleep(5); // So that these bytes leave before the connection ends.
    if (fault.kind === 'cut') response.destroy();
  } else {
    response.end(bytes);
  }
}
