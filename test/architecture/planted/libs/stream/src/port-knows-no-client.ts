export { kafka } from '@waybill/kafka';
