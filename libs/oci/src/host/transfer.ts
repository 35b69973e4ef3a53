import type { Dispatcher } from 'undici';
import type { Pacer } from './pacer.ts';

/** What goes along with one request through undici, beside its options. */
export type Transfer = {
  readonly owner: object;
  /** Undefined: as fast as it goes. */
  readonly pacer: Pacer | undefined;
  /** Called once, when the connection is free again: the answer's body has come to its end, or never will. */
  readonly onEnd: () => void;
};

type Options = Dispatcher.DispatchOptions & { readonly transfer?: Transfer };

/**
 * Interceptor that says when a request is over for its connection, and holds its answer to the pacer's speed.
 * The body itself does not tell: nobody reads the empty one of a HEAD, and a small one is off the wire before it is read.
 */
export const watchTransfers: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const { transfer } = options as Options;
  return dispatch(options, transfer ? handlerFor(transfer, handler) : handler);
};

function handlerFor({ owner, pacer, onEnd }: Transfer, inner: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  let paced: PacedController | undefined;
  return {
    onRequestStart(controller, context) {
      if (pacer) paced = pacedController(controller);
      inner.onRequestStart?.(paced ?? controller, context);
    },
    onResponseStart: (controller, status, headers, text) => inner.onResponseStart?.(paced ?? controller, status, headers, text),
    onResponseData(controller, chunk) {
      inner.onResponseData?.(paced ?? controller, chunk);
      if (pacer && paced) paced.hold(pacer, owner, chunk.byteLength);
    },
    onResponseEnd(controller, trailers) {
      onEnd();
      inner.onResponseEnd?.(paced ?? controller, trailers);
    },
    onResponseError(controller, error) {
      onEnd();
      paced?.letGo();
      inner.onResponseError?.(paced ?? controller, error);
    },
  };
}

type PacedController = Dispatcher.DispatchController & {
  /** No more bytes until these are paid for. */
  readonly hold: (pacer: Pacer, owner: object, bytes: number) => void;
  readonly letGo: () => void;
};

/** A connection is read on only when both its reader and the pacer want so. */
function pacedController(controller: Dispatcher.DispatchController): PacedController {
  let isWanted = true;
  let isPaid = true;
  let takeBack = (): void => {};
  const resumeIfBoth = (): void => {
    if (isWanted && isPaid) controller.resume();
  };
  return {
    get aborted() {
      return controller.aborted;
    },
    get paused() {
      return controller.paused;
    },
    get reason() {
      return controller.reason;
    },
    get rawHeaders() {
      return controller.rawHeaders ?? null;
    },
    get rawTrailers() {
      return controller.rawTrailers ?? null;
    },
    abort: (reason) => controller.abort(reason),
    pause() {
      isWanted = false;
      controller.pause();
    },
    resume() {
      isWanted = true;
      resumeIfBoth();
    },
    hold(pacer, owner, bytes) {
      isPaid = false;
      takeBack = pacer.pay(owner, bytes, () => {
        isPaid = true;
        resumeIfBoth();
      });
      if (!isPaid) controller.pause();
    },
    letGo: () => takeBack(),
  };
}
