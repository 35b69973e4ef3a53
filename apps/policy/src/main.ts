import { runApp } from '@waybill/app-kit';
import { policy } from './topology.ts';

await runApp({ app: 'policy', topology: policy });
