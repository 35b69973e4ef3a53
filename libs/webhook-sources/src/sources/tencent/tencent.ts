import type { Source } from '../../source.ts';
import { harbor } from '../harbor/harbor.ts';

/**
 * Tencent Cloud TCR: the payload of Harbor 1, from which it comes.
 * Source: tencentcloud.com, "TCR: Managing triggers".
 */
export const tencent: Source = {
  title: 'Tencent Cloud TCR',
  auth: ['header', 'bearer', 'basic', 'url-query', 'url-path'],
  read: harbor.read,
};
