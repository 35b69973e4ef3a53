import { runApp } from '@waybill/app-kit';
import { dedup } from './topology.ts';

await runApp({ app: 'dedup', topology: dedup });
