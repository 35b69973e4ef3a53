import { createRequire } from 'node:module';
import { errorMessage } from './error-message.ts';

const require = createRequire(import.meta.url);
const { createErrorFromCode } = require('kafkajs/src/protocol/error') as { createErrorFromCode: (code: number) => Error };

/** Codes that kafkajs does not know. Source: Kafka's `Errors.java`. */
const newerTypes: Readonly<Record<number, string>> = {
  89: 'THROTTLING_QUOTA_EXCEEDED',
  90: 'PRODUCER_FENCED',
  120: 'TRANSACTION_ABORTABLE',
};

/** A broker's error in the form in which kafkajs throws it, with what it is about. */
export function protocolError(code: number, about: string): Error {
  const error = createErrorFromCode(code);
  const type = newerTypes[code];
  return Object.assign(error, { message: `${about}: ${type ?? error.message}` }, type === undefined ? {} : { type });
}

/** Name of a broker's error (`INVALID_PRODUCER_EPOCH`), or of the client's own (`KafkaJSConnectionClosedError`). */
export function wireErrorType(error: unknown): string {
  const { type, name } = error as { type?: unknown; name?: unknown };
  return typeof type === 'string' ? type : typeof name === 'string' ? name : errorMessage(error);
}
