export { PolicyDocument } from './document.ts';
export { evaluate, traceMax } from './evaluate.ts';
export type { Decision } from './evaluate.ts';
export type { Evidence, Inspection, ScanFact } from './evidence.ts';
export { parsePolicy, policySetVersion } from './policy.ts';
export type { ParsedPolicy, Policy } from './policy.ts';
export { compilePattern } from './pattern/pattern.ts';
export type { Pattern, PatternText } from './pattern/pattern.ts';
export { PatternError } from './pattern/pattern-error.ts';
