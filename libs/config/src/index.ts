export { checkAll } from './faults.ts';
export { ConfigError, configTable, loadConfig } from './config.ts';
export type { Environment } from './config.ts';
export { askKeyCommand } from './key-command.ts';
export type { KeyCommand } from './key-command.ts';
export { checkYaml, loadYaml, placed, readBounded, readYaml } from './yaml.ts';
export type { Place, PlacedFault } from './yaml.ts';
