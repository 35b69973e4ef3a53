export { topology } from '@waybill/scanner/topology';
