export { stream } from '@waybill/stream';
