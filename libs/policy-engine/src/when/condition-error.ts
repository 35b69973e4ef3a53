/** A condition that cannot be: what is wrong with it, and what would be right. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
  /** Where in the condition's text, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** `line 2, column 5`: both from 1, as editors count. */
export function placeIn(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
