import type { TypedRecord } from '@waybill/domain';
import { StreamError } from '../errors.ts';
import type { Codec } from '../event-log.ts';

/** Typed records as JSON: knows no schemas, so that tests can carry any data. */
export const jsonCodec: Codec = {
  encode: ({ type, data }) => Buffer.from(JSON.stringify({ type, data })),
  decode: async (value) => jsonCodec.decodeSync(value),
  decodeSync(value) {
    try {
      return JSON.parse(value.toString(), reviveBytes) as TypedRecord;
    } catch (error) {
      throw new StreamError('RECORD_UNDECODABLE', 'no JSON', { cause: error });
    }
  },
};

/** JSON's own form of a Buffer. */
type BytesJson = { readonly type: 'Buffer'; readonly data: readonly number[] };
const isBytes = (value: unknown): value is BytesJson =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;

const reviveBytes = (_name: string, value: unknown): unknown => (isBytes(value) ? Buffer.from(value.data) : value);
