import { runApp } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { PolicyConfig } from './config.ts';
import { loadKeys } from './keys.ts';
import { sweepBounds } from './sweep.ts';
import { createPolicy } from './topology.ts';

const { POLICY_KEY_FILE } = loadConfig(PolicyConfig, process.env);

await runApp({ app: 'policy', topology: createPolicy(sweepBounds, loadKeys(POLICY_KEY_FILE)) });
