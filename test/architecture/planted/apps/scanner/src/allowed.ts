import pino from 'pino';
import { domain } from '@waybill/domain';
import { kafka } from '@waybill/kafka';
import { topology } from './topology.ts';

export const allowed = [pino, domain, kafka, topology];
