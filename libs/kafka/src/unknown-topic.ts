import { wireErrorType } from './wire-error.ts';

/** A broker's answer for a topic that has been deleted, or that it has not learnt of yet since it was started. */
export const unknownTopic = 'UNKNOWN_TOPIC_OR_PARTITION';

export const isUnknownTopic = (error: unknown): boolean => wireErrorType(error) === unknownTopic;

/** Of topics one of which has been unknown for too long: what is wrong and what mends it, for people. */
export function missingTopicText(topics: readonly string[]): string {
  const which = topics.length === 1 ? `topic ${topics[0]}` : `one of the topics ${topics.join(', ')}`;
  return `${which} is not there, or no more: \`waybill deploy\` makes it`;
}
