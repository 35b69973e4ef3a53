export { openStateStore } from './lmdb-store.ts';
