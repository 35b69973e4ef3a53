import { Type } from 'typebox';
import { closed, labels } from './parts.ts';

const ScanRequirement = Type.Object(
  {
    withinHours: Type.Number({ exclusiveMinimum: 0, maximum: 87_600, description: 'An older verdict does not count.' }),
    worstSeverity: Type.Enum(['none', 'low', 'medium', 'high', 'critical'], {
      description: 'The worst that is accepted. A finding that nobody has scored ranks between none and low.',
    }),
  },
  closed,
);

/** What an image that a policy matches has to fulfil; all of it. */
export const Require = Type.Object(
  {
    scan: Type.Optional(ScanRequirement),
    labels: labels("Labels that the image's config must have, all of them; `*` is any value."),
  },
  closed,
);
