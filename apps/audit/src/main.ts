import { runApp } from '@waybill/app-kit';
import { audit } from './topology.ts';

await runApp({ app: 'audit', topology: audit });
