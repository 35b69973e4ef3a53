import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { rawRefusal, type RefusalCode } from './refusals.ts';

export type Connections = {
  /** For what the parser refuses and for what comes in too slowly. */
  readonly onClientError: (error: { readonly code?: string }, socket: Duplex) => void;
  /** Listens to what a server says beside plain requests; `handle` gets those that wait for `100 Continue`. */
  readonly attach: (server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void) => void;
  /** Why the gateway itself cut a request off; undefined where its sender went away. */
  readonly findCut: (request: IncomingMessage) => RefusalCode | undefined;
};

/** How long an answer may wait to be read before its connection is dropped. Dropped at once, it could be lost in a reset. */
const lingerMs = 1_000;

/** Of the connections that there may be: so many are kept whether they are used or not. */
const roomyShare = 7 / 8;

/** Node's and its parser's own words for it. */
const codeOf = (cause: string): RefusalCode => {
  if (cause === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT';
  return cause === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'REQUEST_INVALID';
};

/**
 * Ends connections that cannot go on, each with one answer. After bytes that are no request nothing on a connection can be trusted:
 * what was asked in full before them is still answered, nothing after them is looked at.
 *
 * @param onRefused told of each refusal that no request is there for; `cause` is a code of Node's
 */
export function createConnections(onRefused: (code: RefusalCode, cause: string) => void): Connections {
  const latest = new WeakMap<Duplex, ServerResponse>();
  const cut = new WeakMap<IncomingMessage, RefusalCode>();
  const ending = new WeakSet<Duplex>();
  /** Kept, with nothing under way; longest first. */
  const idle = new Set<Duplex>();

  const end = (socket: Duplex, answer?: string): void => {
    ending.add(socket);
    idle.delete(socket);
    socket.end(answer);
    setTimeout(() => socket.destroy(), lingerMs).unref();
  };
  const refuse = (socket: Duplex, code: RefusalCode, cause: string): void => {
    onRefused(code, cause);
    end(socket, rawRefusal(code));
  };

  const onClientError: Connections['onClientError'] = ({ code: cause = 'unknown' }, socket) => {
    if (ending.has(socket)) return;
    if (cause === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const response = latest.get(socket);
    if (response === undefined || response.writableFinished) return refuse(socket, codeOf(cause), cause);
    if (response.req.complete) {
      ending.add(socket);
      return void response.once('finish', () => end(socket));
    }
    // The request's own handler hears of its body's end, and tells why.
    cut.set(response.req, codeOf(cause));
    // Without the socket it is queued behind an answer that is owed: none is better than one in another's place.
    if (response.socket !== socket || response.headersSent) return void socket.destroy();
    return end(socket, rawRefusal(codeOf(cause)));
  };

  return {
    onClientError,
    findCut: (request) => cut.get(request),
    attach: (server, handle) => {
      const watch = ({ socket }: IncomingMessage, response: ServerResponse): void => {
        latest.set(socket, response);
        idle.delete(socket);
        response.once('finish', () => {
          // Or a connection that waits would hold the body of its last request, and all that was made of it.
          if (latest.get(socket) === response && latest.delete(socket) && !socket.destroyed) idle.add(socket);
        });
      };
      server.prependListener('request', watch);
      // Node would invite the body by itself. So it is invited once the request is admitted: a refused one need not be sent.
      server.on('checkContinue', (request, response) => {
        watch(request, response);
        handle(request, response);
      });
      server.on('checkExpectation', (request: IncomingMessage) => refuse(request.socket, 'EXPECTATION_UNKNOWN', 'expect'));
      let openCount = 0;
      // With TLS a request's socket is not the connection's own.
      server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
        openCount++;
        socket.once('close', () => {
          openCount--;
          idle.delete(socket);
        });
        // Senders keep connections for a minute or more after their last request. Near the limit the next sender is worth more.
        const [longestIdle] = openCount > roomyShare * server.maxConnections ? idle : [];
        if (longestIdle !== undefined) end(longestIdle);
      });
      server.on('drop', () => onRefused('GATEWAY_BUSY', 'drop'));
      server.on('connect', (_request, socket) => refuse(socket, 'METHOD_NOT_ALLOWED', 'connect'));
    },
  };
}
