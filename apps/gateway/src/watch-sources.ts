import type { LoadedSources, Logger } from '@waybill/app-kit';
import { adviseOn } from '@waybill/webhook-sources';
import type { Auth } from './auth/auth.ts';
import { byName, type Source, type Sources } from './sources.ts';
import { watchFiles, type WatchedFiles } from './watch-files.ts';

type Loaded = Pick<LoadedSources, 'endpoints' | 'files' | 'faults'>;

export type WatchOptions = {
  /** Reads all anew. @throws ConfigError where there is nothing to read */
  readonly load: () => Loaded;
  readonly everyMs: number;
  readonly onLoaded: (endpoints: readonly Source[]) => void;
  /** What is there cannot be used; the ones before it go on. */
  readonly onFault: (faults: Loaded['faults'], error?: unknown) => void;
};

export type WatchedSources = WatchedFiles & {
  /** As of now: a request that asks twice may be answered by two of them. */
  readonly sources: Sources;
};

/** Endpoints that follow their files. A change takes effect in whole or not at all. */
export function watchSources(first: Loaded, { load, everyMs, onLoaded, onFault }: WatchOptions): WatchedSources {
  let { files } = first;
  let current = byName(first.endpoints);
  onLoaded(first.endpoints);

  function reload(): void {
    let next: Loaded;
    try {
      next = load();
    } catch (error) {
      return onFault([], error);
    }
    // What is at fault may be mended in files that are named only now, or by the old ones coming back.
    files = next.faults.length > 0 ? [...new Set([...files, ...next.files])] : next.files;
    if (next.faults.length > 0) return onFault(next.faults);
    current = byName(next.endpoints);
    onLoaded(next.endpoints);
  }

  return {
    ...watchFiles(() => files, everyMs, reload),
    sources: { get: (name) => current.get(name), keys: () => current.keys() },
  };
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
