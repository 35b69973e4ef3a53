import { join } from 'node:path';
import { runApp } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { createCopier, createRegistryClients, findRegistry, loadRegistries, probeRegistry } from '@waybill/oci';
import { ReplicatorConfig } from './config.ts';
import { createCopy } from './copy.ts';
import { withHealth } from './health.ts';
import { replicator } from './topology.ts';

const config = loadConfig(ReplicatorConfig, process.env);
const registries = await loadRegistries(join(config.CONFIG_DIR, 'registries.yaml'), process.env);
const hostOf = (name: string): string => findRegistry(registries, { name })?.host ?? name;
const copying = replicator(createCopy(createCopier(), createRegistryClients(registries), Date.now), hostOf, {
  timeoutMs: config.COPY_TIMEOUT_MS,
  concurrencyMax: config.COPY_CONCURRENCY,
  perTargetMax: config.COPY_PER_TARGET,
  attemptsMax: config.COPY_ATTEMPTS_MAX,
});

const topology = withHealth(copying, {
  registries: registries.map(({ name }) => name),
  probe: ({ registry }, { signal }) =>
    probeRegistry(
      registries.find(({ name }) => name === registry)!,
      { timeoutMs: config.PROBE_TIMEOUT_MS, signal },
    ),
  intervalMs: config.PROBE_INTERVAL_MS,
  timeoutMs: config.PROBE_TIMEOUT_MS,
  failuresMin: config.PROBE_FAILURES,
  successesMin: config.PROBE_SUCCESSES,
});

await runApp({ app: 'replicator', topology });
