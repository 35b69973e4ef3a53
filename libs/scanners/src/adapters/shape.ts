import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** Narrows a report to the fields that are read. @throws Error naming the first field that is not as documented */
export function shaped<T extends TSchema>(schema: T, report: unknown): Static<T> {
  if (Value.Check(schema, report)) return report;
  const [fault] = Value.Errors(schema, report);
  throw new Error(`${fault?.instancePath || 'the report'} ${fault?.message ?? 'is not as documented'}`);
}
