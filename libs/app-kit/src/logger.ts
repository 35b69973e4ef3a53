import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger };
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export type LoggerOptions = {
  readonly app: string;
  readonly level?: LogLevel;
  /** Standard output unless given. */
  readonly destination?: DestinationStream;
};

const censor = '[redacted]';
const secretName = /authorization|cookie|passw(or)?d|secret|token|credential|signature|api[-_]?key/i;
/** Deeper objects are cut: a log line is no dump. */
const depthMax = 6;
const entriesMax = 100;

/**
 * JSON lines with ISO times and level names. Values under a name like authorization, cookie, password, secret or token are cut
 * out at any depth, also in errors. By convention a line about an event carries `correlationId`, and its `eventId` or `deliveryId`.
 *
 * What is cut is found by its name: a secret inside a message or under an innocent name is not.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level ?? 'info',
    base: { app: options.app, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Bindings of a child bypass `formatters.log`. Names at the top are enough there and cost nothing, unlike wildcards.
    redact: { paths: ['authorization', 'cookie', 'password', 'secret', 'token'], censor },
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => redact(fields, 0) as Record<string, unknown>,
    },
    serializers: { err: (error: Error) => redact(pino.stdSerializers.err(error), 0) },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** A line's fields without what its names call secret. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  // Errors belong to the serializer; things that print themselves (dates, buffers, URLs) to JSON.
  if (value instanceof Error || Buffer.isBuffer(value)) return Buffer.isBuffer(value) ? `[${value.length} bytes]` : value;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  if (depth >= depthMax) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, entriesMax).map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, entriesMax)
      .map(([name, item]) => [name, secretName.test(name) && item !== null && item !== undefined ? censor : redact(item, depth + 1)]),
  );
}
