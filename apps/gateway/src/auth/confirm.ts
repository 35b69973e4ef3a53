import { findSnsUrl, type AuthScheme } from '@waybill/webhook-sources';
import type { Fetch } from './fetch-bounded.ts';

/** SNS has not taken a confirmation. A stable code: it is an answer of the HTTP API. */
export class ConfirmError extends Error {
  override readonly name = 'ConfirmError';
  readonly code = 'CONFIRMATION_FAILED';
}

/**
 * Confirms a subscription by the GET that SNS asks for, once the message is proved: only then, only for a topic of the endpoint's list,
 * and only at SNS itself. Whoever proves itself by something else than SNS's signature is not believed; a person confirms then.
 *
 * @returns whether it was confirmed; false where it is not ours to confirm
 * @throws ConfirmError where SNS does not take it
 */
export async function confirmSubscription(auth: AuthScheme, address: string, fetch: Fetch): Promise<boolean> {
  if (auth.scheme !== 'sns') return false;
  const query = URL.parse(address)?.searchParams;
  const topicArn = query?.get('TopicArn') ?? '';
  if (!auth.topicArns.includes(topicArn) || query?.get('Action') !== 'ConfirmSubscription') return false;
  const url = findSnsUrl(address, topicArn);
  if (url === undefined) return false;
  try {
    await fetch(url.href);
  } catch (cause) {
    throw new ConfirmError('the subscription is not confirmed', { cause });
  }
  return true;
}
