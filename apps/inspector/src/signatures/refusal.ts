/** Why a signature does not count. Stable for good: docs/runbooks/codes.md has them all. */
export type RefusalCode =
  | 'SIGNATURES_TOO_MANY'
  | 'SIGNATURE_CERTIFICATE_REFUSED'
  | 'SIGNATURE_INVALID'
  | 'SIGNATURE_MALFORMED'
  | 'SIGNATURE_NOT_LOGGED'
  | 'SIGNATURE_OF_ANOTHER_IMAGE'
  | 'SIGNATURE_ROOT_MISSING'
  | 'SIGNATURE_TIME_UNPROVEN'
  | 'SIGNATURE_UNREADABLE'
  | 'SIGNATURE_UNSUPPORTED';

/** A signature that was read and proves nothing. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const quotedLengthMax = 200;

/** Of what a stranger wrote, as much as a reason can hold, on one line. */
export const quoted = (text: string): string => JSON.stringify(text.slice(0, quotedLengthMax));
