/** Makes a `switch` over a union exhaustive at compile time; reached at run time only by a value that the types deny. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}
