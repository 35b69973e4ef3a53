import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** What stands before every request: Kafka protocol, request header version 1. */
export type RequestHeader = {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
};

/** A request of our own encoding, in the form in which kafkajs' connections send and answer it. */
export type WireCall<T> = {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): { readonly frame: (header: RequestHeader) => Buffer };
  };
  readonly response: {
    decode(payload: Buffer): Promise<{ readonly clientSideThrottleTime: number; readonly body: T }>;
    parse(decoded: { readonly body: T }): T;
  };
  readonly requestTimeout?: number;
};

export type Api = { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string };

/**
 * @param size Bytes of the body
 * @param write Writes the body. The whole request is one buffer, written once and given to the socket as it is.
 * @param decode Reads the response; throws for an error that it carries
 */
export function wireCall<T>(
  api: Api,
  size: number,
  write: (writer: ByteWriter) => void,
  decode: (reader: ByteReader) => { readonly throttleMs: number; readonly body: T },
): WireCall<T> {
  const frame = ({ apiKey, apiVersion, correlationId, clientId }: RequestHeader): Buffer => {
    const headerSize = 2 + 2 + 4 + 2 + Buffer.byteLength(clientId);
    const writer = new ByteWriter(4 + headerSize + size);
    writer.int32(headerSize + size);
    writer.int16(apiKey);
    writer.int16(apiVersion);
    writer.int32(correlationId);
    writer.text(clientId);
    write(writer);
    return writer.bytes;
  };
  return {
    request: { ...api, encode: () => ({ frame }) },
    response: {
      async decode(payload) {
        const { throttleMs, body } = decode(new ByteReader(payload));
        return { clientSideThrottleTime: throttleMs, body };
      },
      parse: ({ body }) => body,
    },
  };
}
