export { PolicyDocument } from './document.ts';
export { evaluate, traceMax } from './evaluate.ts';
export type { Decision } from './evaluate.ts';
export type { Evidence, Inspection, ScanFact } from './evidence.ts';
export { parsePolicy, policySetVersion } from './policy.ts';
export type { ParsedPolicy, Policy } from './policy.ts';
