import type { EventOf, ImageDecided, ScanReported } from '@waybill/domain';
import { recordedFacts } from './recorded-facts.ts';
import { emptyEvidence, recordedEvidence, withFailedInspection, withInspection, withScan } from './recorded-evidence.ts';
import type { Evidence } from './evidence.ts';

/** The events that a decision names: its inspection by `inspectionEventId`, its scans by their `scanEventId`. */
export type EventsBehind = {
  readonly inspection: EventOf<'ImageInspected'> | EventOf<'ImageInspectionFailed'> | undefined;
  /** Others among them are passed over. */
  readonly reports: readonly ScanReported[];
};

/** What an event says of what it was made from, beside the image. */
export type InputsBehind = Pick<
  ImageDecided,
  'scans' | 'inspectionEventId' | 'sboms' | 'signatures' | 'registries' | 'usage' | 'pullsByRegion' | 'cannotWait'
>;
type Decided = InputsBehind & Pick<ImageDecided, 'registry' | 'repository' | 'tag' | 'digest'>;

/**
 * What a decision was made from, found again in the log. With the documents of its `policySetVersion` and the moment `evaluatedAtMs`,
 * `evaluate` and `explain` come to the same once more, and `inputsSha256` to what the event says; another digest means other inputs.
 */
export function evidenceBehind(decided: Decided, { inspection, reports }: EventsBehind): Evidence {
  const empty = emptyEvidence(decided, decided.digest);
  const inspected =
    inspection === undefined
      ? empty
      : inspection.type === 'ImageInspected'
        ? withInspection(empty, inspection)
        : withFailedInspection(empty, inspection);
  const named = new Set(decided.scans.map(({ digest, scanEventId }) => `${digest} ${scanEventId}`));
  const isNamed = ({ digest, scanEventId }: ScanReported): boolean => named.has(`${digest} ${scanEventId}`);
  const { sboms, signatures, cannotWait, tag } = decided;
  const recorded = { ...reports.filter(isNamed).reduce(withScan, inspected), sboms, signatures, tags: cannotWait ? [] : [tag] };
  return { ...recordedEvidence(decided, recorded), ...recordedFacts(decided) };
}
