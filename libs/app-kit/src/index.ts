export { ConfigError, configTable, loadConfig } from './config.ts';
export type { Environment } from './config.ts';
export { createLogger } from './logger.ts';
export type { Logger, LoggerOptions, LogLevel } from './logger.ts';
export { startOps } from './ops-server.ts';
export type { OpsOptions, OpsServer } from './ops-server.ts';
export { closeGracefully } from './shutdown.ts';
export type { ShutdownOptions, ShutdownStep } from './shutdown.ts';
export { loadYaml, parseYaml } from './yaml.ts';
