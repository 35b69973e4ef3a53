import { createHash } from 'node:crypto';
import { readDistribution } from './distribution.ts';
import { readDockerHub } from './dockerhub.ts';
import { readHarbor } from './harbor.ts';
import { parseJson, type JsonObject } from './json.ts';
import type { Delivery, ImageEvent, MalformedReason, Parsed, Rest, SourceSettings } from './parsed.ts';
import { toEvent, type Finding } from './sighting.ts';

/** One reader per kind of sender: a new source is a function here, a folder of fixtures and a page in docs/registries. */
const readers = {
  distribution: readDistribution,
  harbor: readHarbor,
  dockerhub: readDockerHub,
} as const satisfies Record<string, (body: JsonObject) => readonly Finding[]>;

export type SourceKind = keyof typeof readers;
export const sourceKinds = Object.keys(readers) as readonly SourceKind[];

/**
 * What a delivery says. Total: arbitrary bytes give `malformed`, never an error; cost is linear in the body's size.
 * The kind comes from the endpoint's configuration and is never guessed: senders imitate one another's payloads and headers.
 */
export function parseDelivery(kind: SourceKind, delivery: Delivery, settings: SourceSettings): Parsed {
  try {
    const json = parseJson(delivery.body);
    return json.ok ? gather(kind, readers[kind](json.value), delivery, settings) : malformed(json.reason);
  } catch {
    return malformed('PARSER_FAILED');
  }
}

const malformed = (reason: MalformedReason): Parsed => ({
  outcome: 'malformed',
  reason,
  rest: [{ kind: 'malformed', index: 0, reason }],
});

function gather(kind: SourceKind, findings: readonly Finding[], delivery: Delivery, settings: SourceSettings): Parsed {
  const events: ImageEvent[] = [];
  const rest: Rest[] = [];
  const bodySha256 = createHash('sha256').update(delivery.body).digest('hex');
  for (const [index, finding] of findings.entries()) {
    if ('ignored' in finding) rest.push({ kind: 'ignored', index, reason: finding.ignored });
    else if ('malformed' in finding) rest.push({ kind: 'malformed', index, reason: finding.malformed });
    else {
      const event = toEvent(finding.sighting, { kind, settings, receivedAtMs: delivery.receivedAtMs, bodySha256, index });
      if (typeof event === 'string') rest.push({ kind: 'malformed', index, reason: event });
      else events.push(event);
    }
  }
  if (events.length > 0) return { outcome: 'events', events, rest };
  const unread = rest.find((part) => part.kind === 'malformed');
  if (unread !== undefined) return { outcome: 'malformed', reason: unread.reason, rest };
  const ignored = rest.find((part) => part.kind === 'ignored');
  return { outcome: 'ignored', reason: ignored?.reason ?? 'NO_EVENTS', rest };
}
