import { repositoryKey, tagKey, topics, type EventOf, type ReplicaState, type Target } from '@waybill/domain';
import { isEvent, type Context, type Emit, type Input, type JobRow, type Put, type Step, type Topology } from '@waybill/stream';
import type { Copy, CopyPayload, CopyResult } from './copy.ts';
import {
  copyingState,
  findReasonNotToCopy,
  isMoreOrLessUrgent,
  isWithdrawn,
  ownState,
  priorityOf,
  replicaKey,
  type HostOf,
} from './replica.ts';

export type ReplicatorSettings = {
  readonly timeoutMs: number;
  readonly concurrencyMax: number;
  readonly perTargetMax: number;
  readonly attemptsMax: number;
};

/**
 * decisions -> one copy per target of an allowed image, as a job -> replications; what is where in replica-state.
 *
 * Row and job of a target have one key. So a newer decision replaces the copy that still waits or runs, and an older digest is never
 * copied over a newer one; results of a copy that was replaced change nothing. A decision names the targets that it takes back, a deny all
 * of them: copies to them that have not ended are cancelled, and what is there stays.
 *
 * What belongs at a target is the digest that was decided about and its platforms: other platforms are another copy. How urgent a copy is
 * decides only when it begins: one that runs goes on.
 */
export const replicator = (copy: Copy, hostOf: HostOf, settings: ReplicatorSettings): Topology => ({
  group: 'replicator',
  inputs: [topics.decisions],
  stores: { replicas: topics.replicaState },
  outputs: [topics.replications],
  held: topics.replicatorHeld,
  jobTopic: topics.replicatorJobs,
  jobs: {
    copy: {
      run: copy,
      concurrencyMax: settings.concurrencyMax,
      perHostMax: settings.perTargetMax,
      timeoutMs: settings.timeoutMs,
      attemptsMax: settings.attemptsMax,
      delayMsMin: 1_000,
      delayMsMax: 300_000,
    },
  },
  handle(input, context) {
    if (isEvent(input, 'ImageDecided')) return decide(input.event, context, hostOf);
    if (input.kind === 'job-done') return finish(input, context);
    if (input.kind === 'job-failed') return fail(input, context);
    return { ignored: 'no decision' };
  },
});

function decide(event: EventOf<'ImageDecided'>, context: Context, hostOf: HostOf): Step {
  const { data, meta } = event;
  if (data.outcome !== 'allow')
    return withdrawal(event, data.targets, context, hostOf) ?? { ignored: 'taken back: what is copied already stays' };
  if (data.targets.length === 0) return { ignored: 'allowed, with no target' };
  const targets = data.targets.map((target) => {
    const key = replicaKey(target, hostOf);
    const row = context.get('replicas', key, 'ReplicaState');
    return { target, key, row, reason: findReasonNotToCopy(event, target, hostOf, row) };
  });
  const keys = new Set(targets.map(({ key }) => key));
  const others = data.takenBack.filter((target) => !keys.has(replicaKey(target, hostOf)));
  const withdrawn = withdrawal(event, others, context, hostOf);
  // What a decision names is where it belongs: a row says so, or a trace would wait for a copy that nobody makes.
  const own = targets
    .filter(({ key }) => key === tagKey(data, data.tag))
    .map(({ target, key, row }) => putState(key, ownState(event, target, hostOf, row)));
  const wanted = targets.filter(({ reason }) => reason === undefined);
  const urgency = targets.flatMap(({ target, key, row, reason }) =>
    isMoreOrLessUrgent(target, row, reason) ? [{ target, key, row }] : [],
  );
  if (wanted.length === 0 && urgency.length === 0 && withdrawn === undefined) return { put: own, ignored: targets[0]!.reason! };
  const { registry, repository, tag, digest } = data;
  return {
    ...withdrawn,
    put: [
      ...(withdrawn?.put ?? []),
      ...own,
      ...wanted.map(({ target, key, row }) => putState(key, copyingState(event, target, hostOf, row))),
      ...urgency.map(({ target: { priorityClass }, key, row }) =>
        putState(key, { ...row, priorityClass, changedAtMs: data.evaluatedAtMs }),
      ),
    ],
    prioritize: urgency.map(({ target, key }) => ({ id: key, priority: priorityOf(target) })),
    schedule: wanted.map(({ target, key }) => {
      const payload: CopyPayload = { registry, repository, tag, digest, target, decisionEventId: meta.id };
      return { id: key, kind: 'copy', key: repositoryKey(data), payload, host: hostOf(target.registry), priority: priorityOf(target) };
    }),
  };
}

/** Ends the copies to some targets that have not ended; undefined where there are none. */
function withdrawal(
  { data, meta }: EventOf<'ImageDecided'>,
  targets: readonly Target[],
  context: Context,
  hostOf: HostOf,
): Step | undefined {
  const withdrawn = targets.flatMap((target) => {
    const key = replicaKey(target, hostOf);
    const row = context.get('replicas', key, 'ReplicaState');
    return row && isWithdrawn(data, row) ? [{ key, row }] : [];
  });
  if (withdrawn.length === 0) return undefined;
  const what = { allow: 'no longer a target', held: 'held again' }[data.outcome] ?? 'denied';
  const reason = `${what}: ${data.reason}`;
  const waiting = withdrawn.filter(({ row }) => row.status === 'copying');
  return {
    cancel: waiting.map(({ key }) => key),
    put: withdrawn.map(({ key, row }) =>
      putState(key, { ...row, status: 'failed', reason, decisionEventId: meta.id, changedAtMs: data.evaluatedAtMs }),
    ),
    // How often it was tried is the job's knowledge, which ends here.
    emit: waiting.map(({ key, row }) => {
      const failed = { code: 'COPY_WITHDRAWN', reason, attempts: 0, failedAtMs: data.evaluatedAtMs };
      return replication(key, row, { type: 'ImageCopyFailed', data: { ...identityOf(row), ...failed } });
    }),
  };
}

function finish({ job, result }: Extract<Input, { kind: 'job-done' }>, context: Context): Step {
  const row = findCurrent(job, context);
  if (!row) return { ignored: 'a newer decision has replaced this copy' };
  const copied = result as CopyResult;
  const data = { ...identityOf(row), ...copied, platforms: row.platforms };
  const { copiedDigest } = copied;
  return {
    emit: [replication(job.id, row, { type: 'ImageCopied', data })],
    put: [putState(job.id, { ...row, status: 'copied', copiedDigest })],
  };
}

function fail({ job, failure, atMs }: Extract<Input, { kind: 'job-failed' }>, context: Context): Step {
  const row = findCurrent(job, context);
  if (!row) return { ignored: 'a newer decision has replaced this copy' };
  const failed = replication(job.id, row, { type: 'ImageCopyFailed', data: { ...identityOf(row), ...failure, failedAtMs: atMs } });
  const reason = `${failure.code}: ${failure.reason}`;
  return { emit: [failed], put: [putState(job.id, { ...row, status: 'failed', reason })] };
}

/** The row that a job was made for, unless a later decision has taken it over. */
function findCurrent(job: JobRow, context: Context): ReplicaState | undefined {
  const { decisionEventId } = JSON.parse(job.payload) as CopyPayload;
  const row = context.get('replicas', job.id, 'ReplicaState');
  return row?.decisionEventId === decisionEventId ? row : undefined;
}

const identityOf = ({ registry, repository, tag, digest, targetRegistry, targetRepository, targetTag, decisionEventId }: ReplicaState) => ({
  ...{ registry, repository, tag, digest, targetRegistry, targetRepository, targetTag, decisionEventId },
});

const replication = (key: string, row: ReplicaState, event: Extract<Emit, { event: unknown }>['event']): Emit => ({
  topic: topics.replications,
  key: repositoryKey(row),
  subject: key,
  discriminator: key,
  event,
});

const putState = (key: string, data: ReplicaState): Put => ({ store: 'replicas', key, row: { type: 'ReplicaState', data } });
