export { openStateStore } from './open-store.ts';
export type { OpenStateStoreOptions } from './open-store.ts';
