import { readFileSync } from 'node:fs';
import { startFakeRegistry } from '@waybill/testing';
import { parse } from 'yaml';
import type { OciRegistryConfig } from './oci-registry.config.ts';

/** Stands in for CNCF Distribution where that cannot be had: reads the same configuration, keeps images in memory. */
const config = parse(readFileSync(process.argv[2] as string, 'utf8')) as OciRegistryConfig;
const [endpoint] = config.notifications?.endpoints ?? [];
const headers = Object.fromEntries(Object.entries(endpoint?.headers ?? {}).map(([name, values]) => [name, values.join(', ')]));
const registry = await startFakeRegistry({
  port: Number(config.http.addr.split(':')[1]),
  ...(endpoint === undefined ? {} : { notifications: { url: endpoint.url, headers } }),
});
process.once('SIGTERM', () => void registry.close());
