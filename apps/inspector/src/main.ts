import { join } from 'node:path';
import { runApp } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { createRegistryClients, loadRegistries } from '@waybill/oci';
import { InspectorConfig } from './config.ts';
import { createInspect } from './inspect.ts';
import { describeTrust, loadTrust } from './signatures/load-trust.ts';
import { createProve } from './signatures/prove.ts';
import { inspector } from './topology.ts';

const config = loadConfig(InspectorConfig, process.env);
const clients = createRegistryClients(await loadRegistries(join(config.CONFIG_DIR, 'registries.yaml'), process.env));
const trust = loadTrust(config);
const topology = inspector(createInspect(clients, trust && createProve(trust, Date.now)), {
  timeoutMs: config.INSPECT_TIMEOUT_MS,
  concurrencyMax: config.INSPECT_CONCURRENCY,
  perRegistryMax: config.INSPECT_PER_REGISTRY,
  attemptsMax: config.INSPECT_ATTEMPTS_MAX,
  trustSha256: trust?.sha256 ?? null,
});

await runApp({ app: 'inspector', topology, startedWith: { signatures: describeTrust(trust) } });
