import type { ImageDecided, ImageEvidence } from '@waybill/domain';
import { recordFacts, type Evidence, type InputsBehind } from '@waybill/policy-engine';

/** What a decision was made from, as its event names it. @param facts As far as they were asked for */
export const inputsOf = (evidence: ImageEvidence, facts: Evidence): InputsBehind => ({
  scans: evidence.scans.map(({ digest, outcome, worstSeverity, scannedAtMs, scanEventId }): ImageDecided['scans'][number] => {
    return { digest, outcome, worstSeverity, scannedAtMs, scanEventId };
  }),
  inspectionEventId: evidence.inspectionEventId,
  sboms: evidence.sboms,
  signatures: evidence.signatures,
  ...recordFacts(facts),
  cannotWait: facts.cannotWait === true,
});
