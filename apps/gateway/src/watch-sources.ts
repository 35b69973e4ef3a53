import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadedSources, Logger } from '@waybill/app-kit';
import { adviseOn } from '@waybill/webhook-sources';
import type { Auth } from './auth/auth.ts';
import { byName, type Source, type Sources } from './sources.ts';

type Loaded = Pick<LoadedSources, 'endpoints' | 'files' | 'faults'>;

export type WatchOptions = {
  /** Reads all anew. @throws ConfigError where there is nothing to read */
  readonly load: () => Loaded;
  readonly everyMs: number;
  readonly onLoaded: (endpoints: readonly Source[]) => void;
  /** What is there cannot be used; the ones before it go on. */
  readonly onFault: (faults: Loaded['faults'], error?: unknown) => void;
};

export type WatchedSources = {
  /** As of now: a request that asks twice may be answered by two of them. */
  readonly sources: Sources;
  /** Looks at once. Resolves when it has been looked. */
  readonly check: () => Promise<void>;
  readonly close: () => void;
};

/**
 * Endpoints that follow their files. Files are looked at again and again, rather than watched: it is the only way that holds for an
 * edit in place, a rename, a symlink that is turned as Kubernetes does, and a network disk alike. A change takes effect in whole or not
 * at all.
 */
export function watchSources(first: Loaded, { load, everyMs, onLoaded, onFault }: WatchOptions): WatchedSources {
  let { files } = first;
  let current = byName(first.endpoints);
  let seen: string | undefined; // Of files as they were before they were read: so the first look reads them once more.
  onLoaded(first.endpoints);

  async function look(): Promise<void> {
    const now = await fingerprintOf(files);
    if (now === seen) return;
    seen = now;
    let next: Loaded;
    try {
      next = load();
    } catch (error) {
      return onFault([], error);
    }
    // Files that are named newly have not been looked at yet. What is at fault may be mended in them, or by the old file coming back.
    const named = next.faults.length > 0 ? [...new Set([...files, ...next.files])] : next.files;
    if (named.some((file) => !files.includes(file))) seen = undefined;
    files = named;
    if (next.faults.length > 0) return onFault(next.faults);
    current = byName(next.endpoints);
    onLoaded(next.endpoints);
  }

  let looking: Promise<void> = Promise.resolve();
  const check = (): Promise<void> => (looking = looking.then(look));
  const closed = new AbortController();
  const watch = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      await sleep(everyMs, undefined, { signal: closed.signal, ref: false }).catch(() => undefined);
      if (!closed.signal.aborted) await check();
    }
  };
  void watch();
  return {
    sources: { get: (name) => current.get(name), keys: () => current.keys() },
    check,
    close: () => closed.abort(),
  };
}

/** Changes with what is behind each path, also where that is another file of the same size and time. */
async function fingerprintOf(files: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    files.map((file) =>
      stat(file, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '),
        () => 'gone',
      ),
    ),
  );
  return marks.join('\n');
}

type Reporter = {
  readonly auth: Pick<Auth, 'metrics'>;
  readonly logger: Logger;
  readonly nowMs: () => number;
  readonly hasClientCa: boolean;
};

/** Tells an operator what is in use, what is not, and what to look at; never a secret. */
export const watchReports = ({ auth, logger, nowMs, hasClientCa }: Reporter): Pick<WatchOptions, 'onLoaded' | 'onFault'> => ({
  onLoaded(endpoints) {
    auth.metrics.loaded(endpoints, nowMs());
    logger.info({ endpoints: endpoints.length }, 'sources are in use');
    for (const { endpoint, message } of adviseOn(endpoints, nowMs())) logger.warn({ endpoint, advice: message }, 'look at sources.yaml');
    for (const { name } of hasClientCa ? [] : endpoints.filter((endpoint) => endpoint.auth.scheme === 'mtls'))
      logger.warn({ endpoint: name, advice: 'without HTTP_TLS_CLIENT_CA_FILE it refuses everybody' }, 'look at sources.yaml');
  },
  onFault(faults, err) {
    auth.metrics.stale();
    const told = faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
    logger.error({ code: 'CONFIG_INVALID', faults: told, err }, 'sources have changed and cannot be used; the ones before go on');
  },
});
