import { digestKey, tagKey, type DecisionState, type ImageEvidence, type RepositoryPulls } from '@waybill/domain';
import type { Context, Emit, JobRequest, Put, Step } from '@waybill/stream';

type Image = { readonly registry: string; readonly repository: string };

/** Rows as one input changes them: one input can touch a row several times, and the context only shows them as they were before. */
export type Draft = {
  /** `name` is a digest, or {@link pendingName} of a push, or {@link beforeName} of a tag. */
  readonly evidence: (image: Image, name: string) => ImageEvidence | undefined;
  readonly putEvidence: (row: ImageEvidence, name?: string) => void;
  readonly dropEvidence: (image: Image, name: string) => void;
  readonly decision: (image: Image, tag: string) => DecisionState | undefined;
  readonly putDecision: (row: DecisionState) => void;
  readonly pulls: (image: Image) => RepositoryPulls | undefined;
  readonly putPulls: (row: RepositoryPulls) => void;
  readonly put: (put: Put) => void;
  readonly emit: (emit: Emit) => void;
  /** Counted by name. */
  readonly note: (what: string) => void;
  /** A timer; null cancels the one of this id. */
  readonly schedule: (id: string, request: Omit<JobRequest, 'id'> | null) => void;
  /** @param nothing why, where no event follows */
  readonly step: (nothing: string) => Step;
};

/**
 * Where what the inspector says of a push waits for the push itself. The two come on topics without an order between them, and a
 * push that names no digest can only be found by its id.
 */
export const pendingName = (pushEventId: string): string => `push:${pushEventId}`;

/** Where the digest that a tag had is kept while a push without a digest waits for its own: it may turn out to be the same. */
export const beforeName = (tag: string): string => `before:${tag}`;

const pullsKey = (image: Image): string => digestKey(image, 'pulls');

export function createDraft(context: Context): Draft {
  const evidence = new Map<string, ImageEvidence | null>();
  const decisions = new Map<string, DecisionState>();
  const timers = new Map<string, Omit<JobRequest, 'id'> | null>();
  const puts: Put[] = [];
  const emits: Emit[] = [];
  const notes: string[] = [];
  const newest = <T>(changed: ReadonlyMap<string, T | null>, key: string, stored: () => T | undefined): T | undefined => {
    const row = changed.get(key);
    return row === undefined ? stored() : (row ?? undefined);
  };
  return {
    evidence: (image, name) => {
      const key = digestKey(image, name);
      return newest(evidence, key, () => context.get('evidence', key, 'ImageEvidence'));
    },
    putEvidence: (row, name = row.digest) => void evidence.set(digestKey(row, name), row),
    dropEvidence: (image, name) => void evidence.set(digestKey(image, name), null),
    decision: (image, tag) => {
      const key = tagKey(image, tag);
      return newest(decisions, key, () => context.get('decisions', key, 'DecisionState'));
    },
    putDecision: (row) => void decisions.set(tagKey(row, row.tag), row),
    pulls: (image) => context.get('evidence', pullsKey(image), 'RepositoryPulls'),
    putPulls: (data) => void puts.push({ store: 'evidence', key: pullsKey(data), row: { type: 'RepositoryPulls', data } }),
    put: (put) => void puts.push(put),
    emit: (emit) => void emits.push(emit),
    note: (what) => void notes.push(what),
    schedule: (id, request) => void timers.set(id, request),
    step: (nothing) => ({
      emit: emits,
      noted: notes,
      put: [
        ...puts,
        ...[...evidence].map(([key, data]) => ({ store: 'evidence', key, row: data && { type: 'ImageEvidence' as const, data } })),
        ...[...decisions].map(([key, data]) => ({ store: 'decisions', key, row: { type: 'DecisionState' as const, data } })),
      ],
      schedule: [...timers].flatMap(([id, request]) => (request === null ? [] : [{ id, ...request }])),
      cancel: [...timers].flatMap(([id, request]) => (request === null ? [id] : [])),
      ...(emits.length === 0 ? { ignored: nothing } : {}),
    }),
  };
}
