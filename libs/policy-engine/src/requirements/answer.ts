import type { Clause } from '../clause.ts';
import type { Question } from '../surroundings.ts';

/** Why a policy denies. Stable for good. */
export type DenialCode =
  | 'DENIED_BY_POLICY'
  | 'DIGEST_REQUIRED'
  | 'FINDINGS_OMITTED'
  | 'FINDING_PRESENT'
  | 'INSPECTION_FAILED'
  | 'LABELS_MISSING'
  | 'NOTHING_TO_SCAN'
  | 'POLICY_FAILED'
  | 'REGISTRY_NOT_ALLOWED'
  | 'SBOM_MISSING'
  | 'SCAN_FAILED'
  | 'SEVERITY_TOO_HIGH'
  | 'SIGNATURE_MISSING'
  | 'SIGNER_NOT_ACCEPTED'
  | 'TAG_FORBIDDEN';

/** What an image has to say to one requirement. A fact that is missing is `unknown`; only facts that are there can be bad. */
export type Answer = Met | Broken | { readonly holds: 'unknown'; readonly awaiting: readonly string[] };
export type Met = {
  readonly holds: 'yes';
  readonly reason: string;
  /** Documents without which it would not hold. */
  readonly exceptionIds: readonly string[];
};
export type Broken = { readonly holds: 'no'; readonly code: DenialCode; readonly reason: string };

/** One thing that a policy requires, ready to be asked. */
export type Requirement = {
  /** Below `spec.require`. */
  readonly name: string;
  readonly ask: (question: Question) => Answer;
  /** What must hold of the image itself, whatever else is found out about it: where none can fulfil it, nobody has to be asked. */
  readonly clauses: readonly Clause[];
};

/** One line per fault with its path first, so that an author is told of all. */
export type Faults = string[];
/** Makes a requirement from what is written. What its schema cannot say is wrong goes to `faults`, each with its path. */
export type Compile<Wanted> = (wanted: Wanted, faults: Faults) => Pick<Requirement, 'ask'> & Partial<Requirement>;

export const met = (reason: string): Met => ({ holds: 'yes', reason, exceptionIds: [] });
export const broken = (code: DenialCode, reason: string): Broken => ({ holds: 'no', code, reason });
export const unknown = (...awaiting: readonly string[]): Answer => ({ holds: 'unknown', awaiting });

const shownMax = 5;
/** As many as a sentence can hold, and how many more there are. */
export const shortened = (parts: readonly string[], separator = '; '): string =>
  parts.length <= shownMax
    ? parts.join(separator)
    : `${parts.slice(0, shownMax).join(separator)}${separator}and ${parts.length - shownMax} more`;
