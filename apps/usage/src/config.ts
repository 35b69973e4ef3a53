import { type Static, Type } from 'typebox';

export const UsageConfig = Type.Object({
  CONFIG_DIR: Type.String({ minLength: 1, default: 'config', description: 'Directory with registries.yaml.' }),
});
export type UsageConfig = Static<typeof UsageConfig>;
