export { other as again } from './no-cycles.ts';
export const other = 1;
