export { createAppender } from './appender.ts';
export type { Appender, AppenderOptions } from './appender.ts';
export { createCodec, readSchemas } from './codec.ts';
export type { SchemaFile } from './codec.ts';
export type { KafkaOptions } from './connections.ts';
export { createTopics, deploy, policyChanges, topicConfig } from './deploy.ts';
export type { DeployOptions, PolicyDocument } from './deploy.ts';
export { createEventLog } from './event-log.ts';
export type { EventLogOptions } from './event-log.ts';
