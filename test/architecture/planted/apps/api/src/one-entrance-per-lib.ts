export { secret } from '../../../libs/domain/src/inner.ts';
