import { createHash } from 'node:crypto';
import picomatch from 'picomatch';
import { secret } from './inner.ts';

export const allowed = [createHash, picomatch, secret];
