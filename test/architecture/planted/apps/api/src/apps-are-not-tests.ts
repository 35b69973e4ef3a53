export { testing } from '@waybill/testing';
