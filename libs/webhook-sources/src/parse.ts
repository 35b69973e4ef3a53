import { hash } from 'node:crypto';
import { isReadAsMeant } from './charset.ts';
import { parseForm } from './form.ts';
import { parseJson } from './json.ts';
import type { Delivery, Handshake, ImageEvent, MalformedReason, Parsed, Rest, SourceSettings } from './parsed.ts';
import { toEvent, type Finding } from './sighting.ts';
import type { Source } from './source.ts';
import { sources, type SourceKind } from './sources/all.ts';

/**
 * What a delivery says. Total: arbitrary bytes give `malformed`, never an error; cost is linear in the body's size.
 * The kind comes from the endpoint's configuration and is never guessed: senders imitate one another's payloads and headers.
 */
export function parseDelivery(kind: SourceKind, delivery: Delivery, settings: SourceSettings): Parsed {
  const source: Source = sources[kind];
  try {
    if (!isReadAsMeant(delivery)) return malformed('CHARSET_UNSUPPORTED');
    const json = parseJson(source.mayBeForm === true ? parseForm(delivery) : delivery.body);
    if (!json.ok) return malformed(json.reason);
    if (Array.isArray(json.value) && source.mayBeBatch !== true) return malformed('BODY_NOT_AN_OBJECT');
    return gather(kind, source.read({ json: json.value, headers: delivery.headers, settings }), delivery, settings);
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
  let handshake: Handshake | undefined;
  const { body, receivedAtMs } = delivery;
  let bodySha256: string | undefined;
  const origin = { kind, settings, receivedAtMs, bodySha256: () => (bodySha256 ??= hash('sha256', body, 'hex')) };
  for (const [index, finding] of findings.entries()) {
    if ('ignored' in finding) rest.push({ kind: 'ignored', index, reason: finding.ignored });
    else if ('malformed' in finding) rest.push({ kind: 'malformed', index, reason: finding.malformed });
    else if ('handshake' in finding) handshake ??= finding.handshake;
    else {
      const event = toEvent(finding.sighting, { ...origin, index });
      if ('kind' in event) rest.push(event);
      else events.push(event);
    }
  }
  if (handshake !== undefined) return { outcome: 'handshake', handshake, rest };
  if (events.length > 0) return { outcome: 'events', events, rest };
  const unread = rest.find((part) => part.kind === 'malformed');
  if (unread !== undefined) return { outcome: 'malformed', reason: unread.reason, rest };
  const ignored = rest.find((part) => part.kind === 'ignored');
  return { outcome: 'ignored', reason: ignored?.reason ?? 'NO_EVENTS', rest };
}
