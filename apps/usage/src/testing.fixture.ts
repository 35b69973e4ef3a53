import {
  repositoryKey,
  topics,
  type ImageCopied,
  type ImageCopyFailed,
  type ImageDecided,
  type ImageDeleted,
  type ImagePulled,
  type PullsCounted,
  type RegistryUsage,
  type Target,
  type TenantUsage,
  type Topic,
  type TypedRecord,
} from '@waybill/domain';
import { targetAt, unsaid } from '@waybill/domain/testing';
import { topologyDriver } from '@waybill/stream/testing';
import { usage } from './topology.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
export const nowMs = Date.UTC(2026, 0, 10, 12);
export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const source = { registry: 'a.test', repository: 'acme/app' } as const;

/** Registries are called by one letter; their hosts end with `.test`. */
export const hostOf = (name: string): string => `${name}.test`;
export const to = (registry: string, tag = 'v1', repository: string = source.repository): Target => targetAt(registry, repository, tag);

type At = { readonly at: number };
type Place = { readonly registry: string; readonly repository: string };
export type Happening = { readonly topic: Topic; readonly key: string; readonly event: TypedRecord; readonly id?: string };

type Decided = At & {
  readonly image?: Place;
  readonly tag?: string;
  readonly digest?: string;
  readonly outcome?: string;
  readonly targets: readonly Target[];
  readonly takenBack?: readonly Target[];
  readonly tenant?: string | null;
  readonly sizeBytes?: number | null;
};

/** @param decision what is left out is the image a of tenant acme, of 100 bytes, under the tag v1 */
export function decided(decision: Decided): Happening {
  const { at, image = source, tag = 'v1', digest = digestOf('a'), outcome = 'allow', targets, takenBack = [] } = decision;
  const { tenant = 'acme', sizeBytes = 100 } = decision;
  const data: ImageDecided = {
    ...{ ...image, tag, digest, outcome, targets, takenBack, tenant, sizeBytes, evaluatedAtMs: at },
    ...{ code: '', policyId: null, policySetVersion: '', reason: '', trace: [], scans: [], pushEventId: 'push' },
    ...{ occasion: 'push', retroactive: false, exceptionIds: [], admission: null, inspectionEventId: null, sboms: null },
    ...{ signatures: null, registries: [], usage: null, pullsByRegion: null, cannotWait: false, inputsSha256: '' },
  };
  return { topic: topics.decisions, key: repositoryKey(image), event: { type: 'ImageDecided', data } };
}

type Ended = At & { readonly image?: Place; readonly tag?: string; readonly digest?: string; readonly target: Target };
const ended = ({ image = source, tag = 'v1', digest = digestOf('a'), target }: Ended) => ({
  ...{ ...image, tag, digest, decisionEventId: 'decision' },
  ...{ targetRegistry: hostOf(target.registry), targetRepository: target.repository, targetTag: target.tag },
});

/** @param copy where `placed` is left out, the digest that was copied is at the target */
export function copied(copy: Ended & { readonly placed?: string; readonly imageBytes?: number | null }): Happening {
  const data: ImageCopied = {
    ...{ ...ended(copy), copiedDigest: copy.placed ?? null, imageBytes: copy.imageBytes ?? null, platforms: [] },
    ...{ manifestsCopied: 1, blobsCopied: 1, blobsSkipped: 0, referrersCopied: 0, bytesCopied: 1, verified: true },
    ...{ startedAtMs: copy.at, finishedAtMs: copy.at },
  };
  return { topic: topics.replications, key: repositoryKey(data), event: { type: 'ImageCopied', data } };
}

export function failed(copy: Ended): Happening {
  const data: ImageCopyFailed = { ...ended(copy), code: 'COPY_FAILED', reason: '', attempts: 1, failedAtMs: copy.at };
  return { topic: topics.replications, key: repositoryKey(data), event: { type: 'ImageCopyFailed', data } };
}

const told = { actor: null, source: 'harbor', endpoint: 'harbor', sourceDeliveryId: null, origin: 'webhook' } as const;

export function deleted(deletion: At & Place & { readonly tags?: readonly string[]; readonly digest?: string }): Happening {
  const { at, registry, repository, tags = [], digest = null } = deletion;
  const data: ImageDeleted = { ...told, registry, repository, tags, digest, occurredAtMs: at, receivedAtMs: at };
  return { topic: topics.images, key: repositoryKey(data), event: { type: 'ImageDeleted', data } };
}

export function pulled(pull: At & Place & { readonly id: string; readonly byOwnRobot?: boolean }): Happening {
  const { at, registry, repository, id, byOwnRobot = false } = pull;
  const { rawOccurredAt: _, transportDeliveryId: __, ...seen } = unsaid;
  const data: ImagePulled = {
    ...{ ...seen, ...told, registry, repository, tags: ['v1'], digest: digestOf('a') },
    ...{ occurredAtMs: at, receivedAtMs: at, byOwnRobot },
  };
  return { topic: topics.imageEvents, key: repositoryKey(data), event: { type: 'ImagePulled', data }, id };
}

/** The topology, fed with happenings; what it passes on to itself it is fed when it is asked for, in order. */
export function startUsage() {
  const driver = topologyDriver(usage(hostOf));
  let passedOn = 0;
  const feed = ({ topic, key, event, id }: Happening, atMs = nowMs): void =>
    driver.pipe(topic, key, event, { atMs, ...(id !== undefined && { id }) });
  /** @returns whether there was anything to take */
  const takePassedOn = (): boolean => {
    const event = driver.emitted(topics.copyChanges)[passedOn];
    if (event === undefined) return false;
    feed({ topic: topics.copyChanges, key: driver.keys(topics.copyChanges)[passedOn]!, event });
    passedOn += 1;
    return true;
  };
  const tell = (): void => {
    for (const { id } of driver.timers()) driver.fire(id);
  };
  const newest = <T>(topic: Topic, keyOf: (data: T, key: string) => string): readonly T[] => {
    const keys = driver.keys(topic);
    return [...new Map(driver.emitted(topic).map(({ data }, at) => [keyOf(data as T, keys[at]!), data as T])).values()];
  };
  return {
    ...{ driver, feed, takePassedOn, tell },
    take(...happenings: readonly Happening[]): void {
      for (const happening of happenings) {
        feed(happening);
        while (takePassedOn());
      }
    },
    tenants: (): readonly TenantUsage[] =>
      newest<TenantUsage | RegistryUsage>(topics.usage, (_, key) => key).filter((row) => 'tenant' in row),
    registries: (): readonly RegistryUsage[] =>
      newest<TenantUsage | RegistryUsage>(topics.usage, (_, key) => key).filter((row) => 'usedBytes' in row),
    pulls: (): readonly PullsCounted[] =>
      newest<PullsCounted>(topics.pullCounts, (data) => JSON.stringify([repositoryKey(data), data.placeRegistry, data.placeRepository])),
  };
}
