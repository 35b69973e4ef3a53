import { StreamError } from '@waybill/stream';

/** Versions by API key, as a broker's answer to `ApiVersions` lists them. */
export type VersionRanges = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number } | undefined>>;

/**
 * What we send: `Produce` and `Fetch` in our own encoding, the rest in the highest version that kafkajs implements. kafkajs would go
 * down to the broker's highest and never looks at its lowest; older ones lack what we rely on (static members: `JoinGroup` 5).
 * A test holds this table equal to kafkajs.
 */
export const spokenVersions = {
  Produce: [0, 7],
  Fetch: [1, 11],
  ListOffsets: [2, 3],
  Metadata: [3, 6],
  OffsetFetch: [9, 4],
  FindCoordinator: [10, 2],
  JoinGroup: [11, 5],
  Heartbeat: [12, 3],
  LeaveGroup: [13, 3],
  SyncGroup: [14, 3],
  InitProducerId: [22, 1],
  AddPartitionsToTxn: [24, 1],
  AddOffsetsToTxn: [25, 1],
  EndTxn: [26, 1],
  TxnOffsetCommit: [28, 1],
} as const satisfies Record<string, readonly [apiKey: number, version: number]>;

const supportedBrokers = 'Kafka 2.5 to 4.x';

/** @throws StreamError `BROKER_UNSUPPORTED` naming the broker, what it speaks and what we do */
export function refuseUnsupported(broker: string, versions: VersionRanges): void {
  const missing = Object.entries(spokenVersions).flatMap(([name, [apiKey, version]]) => {
    const range = versions[apiKey];
    if (range && range.minVersion <= version && version <= range.maxVersion) return [];
    return [`${name} ${range ? `${range.minVersion} to ${range.maxVersion}` : 'not at all'} (we: ${version})`];
  });
  if (missing.length === 0) return;
  throw new StreamError('BROKER_UNSUPPORTED', `broker ${broker} speaks ${missing.join(', ')}; supported is ${supportedBrokers}`);
}
