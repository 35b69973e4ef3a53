export { topology } from '../../scanner/src/topology.ts';
