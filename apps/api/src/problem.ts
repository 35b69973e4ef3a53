import { Type } from 'typebox';

/** Every refusal: a stable code, what is wrong, and what to do next. */
export const Problem = Type.Object({ code: Type.String(), message: Type.String(), next: Type.String() });

const statuses = {
  REQUEST_INVALID: 400,
  IMAGE_UNKNOWN: 404,
  PARKED_UNKNOWN: 404,
  LINK_UNKNOWN: 404,
  ROUTE_UNKNOWN: 404,
  LOG_UNAVAILABLE: 503,
  INTERNAL: 500,
} as const;
export type ProblemCode = keyof typeof statuses;

/** Thrown by a route; answered as {@link Problem} with the code's status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ProblemCode;
  readonly next: string;

  constructor(code: ProblemCode, message: string, next: string) {
    super(message);
    this.code = code;
    this.next = next;
  }

  get status(): number {
    return statuses[this.code];
  }
}
