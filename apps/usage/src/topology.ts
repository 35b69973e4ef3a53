import { topics, type Event } from '@waybill/domain';
import { isEvent, type Context, type Input, type JobRow, type Topology } from '@waybill/stream';
import { onCopyChanged, onDeleted } from './copies.ts';
import { createDraft, tellTimer, type Draft, type Due } from './draft.ts';
import { copyPassedOn, decisionPassedOn, failurePassedOn, type HostOf } from './passed-on.ts';
import { noteSource, onPulled, pullMarks, tellPulls } from './pulls.ts';
import { createRegionReader } from './regions.ts';
import { tellTotal } from './totals.ts';

const markTtlMs = 7 * 24 * 60 * 60 * 1_000;

/**
 * decisions, replications, images, image-events -> what tenants have and registries hold, in the table `usage`, and how often
 * repositories are pulled where, in pull-counts.
 *
 * Decisions and copies are keyed by their source, deletions and pulls by where they happened. So what becomes of a copy is passed on once,
 * in copy-changes, to the place that it goes to, where a row holds all that is known of it. The rows of a partition add up to a part of
 * each tenant's and registry's sum; readers add up the parts. A sum that changes is told a second later, whatever else changes meanwhile:
 * by a timer, which is a row, so that nothing is lost. Rows follow from the log alone.
 */
export function usage(hostOf: HostOf): Topology {
  const regionOf = createRegionReader();
  return {
    group: 'usage',
    inputs: [topics.decisions, topics.replications, topics.copyChanges, topics.images, topics.imageEvents],
    stores: { usage: topics.usageState },
    marks: { [pullMarks]: { topic: topics.usageMarks, ttlMs: markTtlMs } },
    outputs: [topics.copyChanges, topics.usage, topics.pullCounts],
    held: topics.usageHeld,
    jobTopic: topics.usageJobs,
    timers: [tellTimer],
    tables: { policies: topics.policies },
    rebuild: 'inputs',
    handle(input, context) {
      const draft = createDraft(context, { atMs: input.atMs, partition: partitionOf(input) });
      const region = (host: string): string | null => regionOf(context.table('policies'), host);
      return draft.step(take(draft, input, context, { hostOf, region }));
    },
  };
}

type Places = { readonly hostOf: HostOf; readonly region: (host: string) => string | null };

/** Changes rows and emits in the draft. @returns the reason to give where no event follows */
function take(draft: Draft, input: Input, context: Context, { hostOf, region }: Places): string {
  if (input.kind === 'timer') return tell(draft, dueOf(input.timer).key, region);
  if (input.kind !== 'event') return `no event: ${input.kind}`;
  if (isEvent(input, 'ImagePulled')) return onPulled(draft, input.event, context.isMarked(pullMarks, input.event.meta.id));
  // Of what webhooks say only pulls are read as they came: the rest is in images, each occurrence once.
  if (input.record.topic === topics.imageEvents.name) return 'no pull';
  return apply(draft, input.event, hostOf);
}

function apply(draft: Draft, event: Event, hostOf: HostOf): string {
  switch (event.type) {
    case 'ImageDecided':
      for (const emit of decisionPassedOn(event.data, hostOf)) draft.emit(emit);
      return 'decided, and no target is concerned';
    case 'ImageCopied':
      draft.emit(copyPassedOn(event.data));
      return '';
    case 'ImageCopyFailed':
      draft.emit(failurePassedOn(event.data));
      return '';
    case 'CopyChanged':
      noteSource(draft, event.data);
      return onCopyChanged(draft, event.data);
    case 'ImageDeleted':
      return onDeleted(draft, event.data);
    default:
      return `takes no room: ${event.type}`;
  }
}

function tell(draft: Draft, key: string, region: Places['region']): string {
  const pulls = draft.get(key, 'PullState');
  if (pulls) tellPulls(draft, pulls, region(pulls.registry));
  else tellTotal(draft, key);
  return 'there is nothing to tell';
}

const dueOf = ({ payload }: JobRow): Due => JSON.parse(payload) as Due;

function partitionOf(input: Input): number {
  if (input.kind === 'timer') return dueOf(input.timer).partition;
  return 'record' in input ? input.record.partition : 0;
}
