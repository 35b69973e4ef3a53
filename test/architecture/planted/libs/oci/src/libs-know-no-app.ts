export { topology } from '../../../apps/scanner/src/topology.ts';
