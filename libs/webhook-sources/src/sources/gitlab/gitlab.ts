import { field } from '../../json.ts';
import type { Payload, Source } from '../../source.ts';
import type { Finding } from '../../sighting.ts';
import { distribution } from '../distribution/distribution.ts';

/**
 * GitLab's container registry, a fork of CNCF Distribution with the same notifications. Its smallest ones have neither id, time nor
 * digest, and only a tag to say that they are of a manifest.
 *
 * The hooks of projects, groups and the whole instance know no registry event: whatever they send is about Git, issues and pipelines.
 * Source: gitlab lib/api/container_registry_event.rb and its spec; doc/user/project/integrations/webhook_events.md.
 */
function read(payload: Payload): readonly Finding[] {
  const { json: body, headers } = payload;
  const isHook = headers['x-gitlab-event'] !== undefined || typeof field(body, 'object_kind') === 'string';
  const isSystemHook = typeof field(body, 'event_name') === 'string';
  if ((isHook || isSystemHook) && field(body, 'events') === undefined) return [{ ignored: 'NOT_AN_IMAGE' }];
  return distribution.read(payload);
}

export const gitlab: Source = { title: 'GitLab container registry', auth: ['header', 'bearer'], read };
