import fc from 'fast-check';
import { testing } from '@waybill/testing';

export const allowed = [fc, testing];
