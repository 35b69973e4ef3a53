import { loadSources as load } from '@waybill/app-kit';
import { type Environment } from '@waybill/config';
import type { Endpoint } from '@waybill/webhook-sources';

/** An endpoint of the gateway: who may send to it, and how to read what is sent. */
export type Source = Endpoint;
/** Endpoints by name. */
export type Sources = Pick<ReadonlyMap<string, Source>, 'get' | 'keys'>;

/** @throws ConfigError with all faults at once, without any secret */
export const loadSources = (configDir: string, env: Environment): Sources => byName(load(configDir, env).endpoints);

export const byName = (endpoints: readonly Endpoint[]): Sources => new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
