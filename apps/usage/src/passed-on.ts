import {
  repositoryKey,
  tagKey,
  topics,
  type CopyChanged,
  type ImageCopied,
  type ImageCopyFailed,
  type ImageDecided,
} from '@waybill/domain';
import type { Emit } from '@waybill/stream';

/** Host of a configured registry by its name; a name that is not configured stands for itself, as it does for whoever copies. */
export type HostOf = (registryName: string) => string;

/** What a decision wants to be at its targets, and what no longer: of a deny or a hold the targets are those that it takes back. */
export function decisionPassedOn(data: ImageDecided, hostOf: HostOf): readonly Emit[] {
  const wanted = data.outcome === 'allow' ? data.targets : [];
  const withdrawn = data.outcome === 'allow' ? data.takenBack : data.targets;
  const changes = new Map<string, CopyChanged>();
  for (const [change, targets] of [
    ['withdrawn', withdrawn],
    ['wanted', wanted],
  ] as const)
    for (const { registry: name, repository, tag } of targets) {
      const isWanted = change === 'wanted';
      const changed: CopyChanged = {
        ...imageOf(data),
        ...{ targetRegistry: hostOf(name), targetRegistryName: name, targetRepository: repository, targetTag: tag, change },
        ...{ tenant: isWanted ? data.tenant : null, sizeBytes: isWanted ? data.sizeBytes : null, copiedDigest: null },
        changedAtMs: data.evaluatedAtMs,
      };
      // Two names of one registry are one place: what is wanted there by either is not withdrawn.
      changes.set(placeOf(changed), changed);
    }
  return [...changes.values()].map(passedOn);
}

export const copyPassedOn = ({ imageBytes, copiedDigest, finishedAtMs, ...copied }: ImageCopied): Emit =>
  passedOn({
    ...{ ...imageOf(copied), ...targetOf(copied), change: 'copied', tenant: null },
    ...{ sizeBytes: imageBytes, copiedDigest: copiedDigest ?? copied.digest, changedAtMs: finishedAtMs },
  });

export const failurePassedOn = ({ failedAtMs, ...failed }: ImageCopyFailed): Emit =>
  passedOn({
    ...{ ...imageOf(failed), ...targetOf(failed), change: 'failed', tenant: null, sizeBytes: null, copiedDigest: null },
    changedAtMs: failedAtMs,
  });

const passedOn = (data: CopyChanged): Emit => ({
  topic: topics.copyChanges,
  key: repositoryKey({ registry: data.targetRegistry, repository: data.targetRepository }),
  subject: placeOf(data),
  discriminator: placeOf(data),
  event: { type: 'CopyChanged', data },
});

const placeOf = ({ targetRegistry, targetRepository, targetTag }: CopyChanged): string =>
  tagKey({ registry: targetRegistry, repository: targetRepository }, targetTag);

const imageOf = ({ registry, repository, tag, digest }: Pick<CopyChanged, 'registry' | 'repository' | 'tag' | 'digest'>) => ({
  ...{ registry, repository, tag, digest },
});

const targetOf = ({
  targetRegistry,
  targetRepository,
  targetTag,
}: Pick<ImageCopied, 'targetRegistry' | 'targetRepository' | 'targetTag'>) => ({
  ...{ targetRegistry, targetRegistryName: null, targetRepository, targetTag },
});
