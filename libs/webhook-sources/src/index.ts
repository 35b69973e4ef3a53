export { needsBody, verify } from './auth.ts';
export type { AuthRequest, AuthScheme } from './auth.ts';
export { parseDelivery, sourceKinds } from './parse.ts';
export type { SourceKind } from './parse.ts';
export { ignoredReasons, malformedReasons } from './parsed.ts';
export type { Delivery, IgnoredReason, ImageEvent, MalformedReason, Parsed, Rest, SourceSettings } from './parsed.ts';
