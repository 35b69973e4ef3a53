import type { Target } from './records.generated.ts';
import { tagKey } from './vocabulary.ts';

/** Which copies go first, the most urgent first. */
export const priorityClasses = ['critical', 'high', 'normal', 'low'] as const;
export type PriorityClass = (typeof priorityClasses)[number];

/** Where a target is, whatever of the image goes there: `b/team/app:v1` */
export const targetKey = (target: Pick<Target, 'registry' | 'repository' | 'tag'>): string => tagKey(target, target.tag);

/** The same, with what is not usual about it behind it: `b/team/app:v1 (linux/amd64, linux/arm64; critical)` */
export function targetText(target: Target): string {
  const { platforms, priorityClass } = target;
  const unusual = [...(platforms.length > 0 ? [platforms.join(', ')] : []), ...(priorityClass === 'normal' ? [] : [priorityClass])];
  return unusual.length === 0 ? targetKey(target) : `${targetKey(target)} (${unusual.join('; ')})`;
}
