/** A pattern that cannot be: what is wrong with it, and what would be right. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  /** Where in the pattern's text, from 0. */
  readonly at: number;

  constructor(message: string, at = 0) {
    super(message);
    this.at = at;
  }
}
