import { join } from 'node:path';
import { runApp } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { findRegistry, loadRegistries } from '@waybill/oci';
import { UsageConfig } from './config.ts';
import { usage } from './topology.ts';

const { CONFIG_DIR } = loadConfig(UsageConfig, process.env);
const registries = await loadRegistries(join(CONFIG_DIR, 'registries.yaml'), process.env);

await runApp({ app: 'usage', topology: usage((name) => findRegistry(registries, { name })?.host ?? name) });
