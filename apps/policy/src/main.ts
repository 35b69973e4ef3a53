import { runApp } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { PolicyConfig } from './config.ts';
import { loadKeys } from './keys.ts';
import { sweepBounds } from './sweep.ts';
import { createPolicy } from './topology.ts';

const { POLICY_KEY_FILE: path, POLICY_KEY_COMMAND: program } = loadConfig(PolicyConfig, process.env);
const keys = await loadKeys({ path, program, env: process.env });

await runApp({ app: 'policy', topology: createPolicy(sweepBounds, keys) });
