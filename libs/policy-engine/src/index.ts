export { noteAsked } from './asked.ts';
export type { Asking } from './asked.ts';
export { candidateChangesMax, findCandidate } from './candidate.ts';
export type { CandidateChange } from './candidate.ts';
export { changedDocuments, mayConcern } from './changes.ts';
export { isSealed, seal, unseal } from './confidential/envelope.ts';
export type { Opened } from './confidential/envelope.ts';
export { openKeyRing, parseKeyRing } from './confidential/key-ring.ts';
export type { KeyRing, UnwrapKey } from './confidential/key-ring.ts';
export { confidentialReason, isConfidential, revealed } from './confidential/reveal.ts';
export { documentSchemas } from './document/document.ts';
export type { DocumentKind } from './document/document.ts';
export { evaluate, inputsSha256 } from './evaluate.ts';
export type { Decision } from './evaluate.ts';
export type { Evidence, Inspection, RegistryFact, ScanFact, UsageFact } from './evidence.ts';
export { evidenceBehind } from './evidence-behind.ts';
export type { EventsBehind, InputsBehind } from './evidence-behind.ts';
export { explain, explainPolicy, traceMax, traceOf } from './explain.ts';
export type { ClauseExplanation, Explanation, PolicyExplanation } from './explain.ts';
export { knownFacts, roomAtMs, withKnown } from './known-facts.ts';
export type { About, KnownFacts } from './known-facts.ts';
export { nextChangeMs } from './moments.ts';
export {
  emptyEvidence,
  evidenceBounds,
  recordedEvidence,
  withAttached,
  withFailedInspection,
  withInspection,
  withScan,
} from './recorded-evidence.ts';
export { recordFacts } from './recorded-facts.ts';
export { oncePer } from './once.ts';
export { parsePolicy } from './policy.ts';
export type { ParsedPolicy, Policy } from './policy.ts';
export { compileRulebook, isPolicy, parseDocument, versionOf, withChanges, withDocument } from './rulebook.ts';
export type { Document, DocumentChange, OtherDocument, ParsedDocument, Rulebook } from './rulebook.ts';
export { findRegistryAt } from './registry-at.ts';
export { noSurroundings } from './surroundings.ts';
export type { Surroundings } from './surroundings.ts';
export { compileSet, findPolicy, withoutPolicy, withPolicy } from './set/compiled-set.ts';
export type { CompiledSet } from './set/compiled-set.ts';
export { compilePattern } from './pattern/pattern.ts';
export type { Pattern, PatternText } from './pattern/pattern.ts';
export { PatternError } from './pattern/pattern-error.ts';
export { findConflicts } from './findings/find-conflicts.ts';
export type { Report } from './findings/find-conflicts.ts';
export type { Finding, FindingCode } from './findings/finding.ts';
export { textOf } from './findings/image.ts';
export type { Image } from './findings/image.ts';
export type { KnownRegistry, Unfinished } from './findings/work.ts';
export { monthlyCostOf } from './placement/cost.ts';
export type { Placement } from './placement/placement.ts';
export { proposeMoves } from './placement/propose-moves.ts';
export type { Move, MoveBounds } from './placement/propose-moves.ts';
export { wantedPlaces } from './placement/wanted-places.ts';
export type { WantedPlaces } from './placement/wanted-places.ts';
export { planRetention } from './retention/plan-retention.ts';
export type { Retained } from './retention/plan-retention.ts';
export { proposeCleanup } from './retention/propose-cleanup.ts';
export type { Cleanup, Need } from './retention/propose-cleanup.ts';
export type { Deletion, StoredImage } from './retention/stored-image.ts';
export type { TargetExplanation } from './targets/explain-targets.ts';
export { choosersIn, troublesIn } from './targets/trouble.ts';
export { copiesLeaveAtMs, pullsByRegionOf, registryUsageOf, tenantUsageOf } from './tenants/add-up.ts';
export { tenantOf, withTenant } from './tenants/namespaces.ts';
