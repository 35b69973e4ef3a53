import assert from 'node:assert/strict';
import type { ImagePushed } from '@waybill/domain';
import { parseDelivery, settingsOf, type Headers, type ImageEvent, type Parsed, type SourceKind, type SourceSettings } from '../index.ts';

type Around = { readonly headers?: Headers; readonly settings?: Partial<SourceSettings>; readonly receivedAtMs?: number };

/** Tests' words for what a kind of source makes of a payload. */
export function readerOf(kind: SourceKind) {
  const parse = (body: unknown, { headers = {}, settings = {}, receivedAtMs = 1_700_000_000_000 }: Around = {}): Parsed =>
    parseDelivery(kind, { headers, body: Buffer.from(JSON.stringify(body)), receivedAtMs }, settingsOf('test', settings));
  const eventsOf = (body: unknown, around?: Around): readonly ImageEvent[] => {
    const parsed = parse(body, around);
    return parsed.outcome === 'events' ? parsed.events : assert.fail(JSON.stringify(parsed));
  };
  return {
    parse,
    eventsOf,
    /** The only event. */
    eventOf(body: unknown, around?: Around): ImageEvent {
      const events = eventsOf(body, around);
      assert.equal(events.length, 1);
      return events[0]!;
    },
    /** What the only event, a push, says. */
    pushOf(body: unknown, around?: Around): ImagePushed {
      const [event, ...others] = eventsOf(body, around);
      assert.ok(event?.type === 'ImagePushed' && others.length === 0);
      return event.data;
    },
    /** Why there is no event: `ignored: PING`. */
    reasonOf(body: unknown, around?: Around): string {
      const parsed = parse(body, around);
      return 'reason' in parsed ? `${parsed.outcome}: ${parsed.reason}` : parsed.outcome;
    },
  };
}

export const digest = `sha256:${'a'.repeat(64)}`;
export const otherDigest = `sha256:${'b'.repeat(64)}`;
