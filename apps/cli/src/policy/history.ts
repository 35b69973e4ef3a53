import { compileRulebook, withDocument, withoutDocument, type Rulebook } from '@waybill/policy-engine';
import { parseTime } from '../options.ts';
import { fileInLog, parsePolicyText } from './folder.ts';
import { policyLogOf, type PolicyEvent, type PolicyLog } from './policy-log.ts';

/** What was published at once. */
export type PublishedChange = {
  readonly id: string;
  readonly atMs: number;
  readonly author: string;
  /** Empty where nobody said. */
  readonly reason: string;
  readonly events: readonly PolicyEvent[];
};

/** Oldest first. */
export function changesOf({ events }: PolicyLog): readonly PublishedChange[] {
  return [...Map.groupBy(events, ({ meta }) => meta.correlationId)].map(([id, [first, ...others]]) => {
    const { author, reason } = first!.data;
    return { id, atMs: first!.meta.timeMs, author, reason, events: [first!, ...others] };
  });
}

/** What an event changed, in a word. */
export const kindOf = ({ type, data }: PolicyEvent): 'added' | 'changed' | 'retired' =>
  type === 'PolicyRetired' ? 'retired' : data.previousSha256 === null ? 'added' : 'changed';

/**
 * The log as it stood after a change, at a time, or when the policies in force were of a version that a decision names.
 * @param to The beginning of a change's id or of a version, 8 characters at least; or a time as `parseTime` takes it
 * @returns undefined where it never stood so
 */
export function findStateAt(log: PolicyLog, to: string): PolicyLog | undefined {
  const atMs = timeOf(to) ?? findChange(log, to)?.atMs;
  const events = atMs === undefined ? [] : log.events.filter(({ meta }) => meta.timeMs <= atMs);
  return events.length === 0 ? undefined : policyLogOf(events);
}

function timeOf(text: string): number | undefined {
  try {
    return parseTime(text);
  } catch {
    return undefined;
  }
}

function findChange(log: PolicyLog, to: string): PublishedChange | undefined {
  if (!/^[0-9a-f-]{8,64}$/.test(to)) return undefined;
  return changesOf(log).find(({ id }) => id.startsWith(to)) ?? findVersion(log, to);
}

/** Changing more of them one by one costs more than compiling the whole set. */
const changesMax = 100;

/** The newest change after which the policies were of this version. */
function findVersion(log: PolicyLog, version: string): PublishedChange | undefined {
  let rulebook = compileRulebook([]);
  let found: PublishedChange | undefined;
  for (const change of changesOf(log)) {
    rulebook = change.events.length > changesMax ? compiledAnew(rulebook, change.events) : change.events.reduce(withEvent, rulebook);
    if (rulebook.version.startsWith(version)) found = change;
  }
  return found;
}

const documentOf = (event: PolicyEvent) => {
  if (event.type === 'PolicyRetired') return undefined;
  const read = parsePolicyText(fileInLog(event.data.policyId), event.data.document);
  return 'faults' in read ? undefined : read.document;
};

function withEvent(rulebook: Rulebook, event: PolicyEvent): Rulebook {
  const document = documentOf(event);
  return document === undefined ? withoutDocument(rulebook, event.data.policyId) : withDocument(rulebook, document);
}

function compiledAnew({ documents }: Rulebook, events: readonly PolicyEvent[]): Rulebook {
  const byId = new Map(documents.map((document) => [document.id, document]));
  for (const event of events) {
    const document = documentOf(event);
    if (document === undefined) byId.delete(event.data.policyId);
    else byId.set(document.id, document);
  }
  return compileRulebook([...byId.values()]);
}
