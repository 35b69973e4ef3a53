import type { DecisionState } from '@waybill/domain';

/** Outcome of the newest event on the digest. Rows of earlier versions do not say it; of theirs only an allowed one has targets. */
export const toldOutcome = ({ toldOutcome: told, decisionEventId, targets }: DecisionState): string =>
  told !== '' || decisionEventId === null ? told : targets.length > 0 ? 'allow' : 'deny';
