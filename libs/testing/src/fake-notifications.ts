import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';

export type NotificationTarget = {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Between two tries. */
  readonly backoffMs?: number;
};
export type RegistryAction = {
  readonly action: 'push' | 'pull' | 'mount' | 'delete';
  readonly repository: string;
  readonly mediaType?: string;
  readonly digest?: string;
  readonly sizeBytes?: number;
  readonly tag?: string | undefined;
  readonly path: string;
  readonly method: string;
};
export type Notifier = {
  readonly notify: (action: RegistryAction) => void;
  /** Resolves once everything so far was accepted. */
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/**
 * Tells an endpoint what happens, as CNCF Distribution 3 does: one event per envelope, in order, and the same one again, for ever, until
 * it is answered with 2xx or 3xx. The queue lies in memory and dies with the registry.
 */
export function createNotifier(target: NotificationTarget | undefined, host: () => string): Notifier {
  const stopping = new AbortController();
  const instanceID = randomUUID();
  let queue: Promise<void> = Promise.resolve();

  const deliver = async (body: string): Promise<void> => {
    const headers = { ...target!.headers, 'content-type': 'application/vnd.docker.distribution.events.v2+json' };
    while (!stopping.signal.aborted) {
      try {
        const answer = await request(target!.url, { method: 'POST', headers, body, signal: stopping.signal });
        await answer.body.dump();
        if (answer.statusCode < 400) return;
      } catch {
        // Refused or cut: told again below, like a bad answer.
      }
      await sleep(target!.backoffMs ?? 50, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };

  return {
    notify(action) {
      if (!target) return;
      const body = JSON.stringify({ events: [toEvent(action, host(), instanceID)] });
      queue = queue.then(() => deliver(body));
    },
    settled: () => queue,
    close: () => {
      stopping.abort();
      return queue;
    },
  };
}

const toEvent = ({ action, repository, path, method, sizeBytes, ...target }: RegistryAction, host: string, instanceID: string): object => ({
  id: randomUUID(),
  timestamp: new Date().toISOString(),
  action,
  target: {
    ...target,
    ...(sizeBytes === undefined ? {} : { size: sizeBytes, length: sizeBytes }),
    repository,
    url: `http://${host}${path}`,
  },
  request: { id: randomUUID(), addr: '127.0.0.1:0', host, method, useragent: 'waybill-testing' },
  actor: {},
  source: { addr: host, instanceID },
});
