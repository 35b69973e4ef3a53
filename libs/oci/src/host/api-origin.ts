import type { Registry } from './settings.ts';

/** Root of the registry's API: scheme, host and port. */
export const apiOrigin = (registry: Registry): URL =>
  new URL(`${registry.plainHttp === true ? 'http' : 'https'}://${registry.apiHost ?? registry.host}`);
