import type { DecisionState, ImageEvidence } from '@waybill/domain';
import type { Evidence, Inspection } from './evidence.ts';

/** The evidence of a tag as the rows of the log hold it: what `apps/policy` decides by, and whoever asks what it would decide. */
export const recordedEvidence = (
  { registry, repository, tag, digest }: Pick<DecisionState, 'registry' | 'repository' | 'tag' | 'digest'>,
  recorded: ImageEvidence,
): Evidence => ({ registry, repository, tag, digest, inspection: inspectionOf(recorded), scans: recorded.scans });

function inspectionOf({ inspected, inspectionFailure, kind, labels, platformDigests }: ImageEvidence): Inspection {
  if (inspectionFailure !== null) return { status: 'failed', reason: inspectionFailure };
  return inspected ? { status: 'done', kind, labels, platformDigests } : { status: 'missing' };
}
