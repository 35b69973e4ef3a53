import { targetText, type Target } from '@waybill/domain';
import type { StepRow } from '../read-model/rows.ts';
import type { StepKind } from './journey.ts';

/** An event of the read model in words. `details` are what `stepDetails` has put there. */
export type Words = { readonly kind: StepKind; readonly text: string; readonly failed: boolean };

type Details = Readonly<Record<string, unknown>>;
const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
const list = (value: unknown): readonly Details[] => (Array.isArray(value) ? (value as Details[]) : []);
const count = (value: unknown, one: string, many = `${one}s`): string => `${text(value)} ${value === 1 ? one : many}`;

/** `platformOf` names a platform's digest where it is known, `linux/arm64`. */
export function wordsOf(row: StepRow, topics: { readonly imageEvents: string }, platformOf: (digest: string) => string): Words | undefined {
  const { type, details } = row;
  const about = (digest: unknown): string => platformOf(text(digest));
  switch (type) {
    case 'DeliveryReceived':
      return good('delivered', `webhook from ${text(details['source'])}, ${count(details['bodyBytes'], 'byte')}, kept as received`);
    case 'ImagePushed':
      return row.topic === topics.imageEvents
        ? good('pushed', pushWords(row))
        : good('deduplicated', 'seen for the first time, passed on once');
    case 'ImageInspected':
      return good('inspected', inspectionWords(details));
    case 'ImageInspectionFailed':
      return bad('inspection-failed', `could not be read: ${reason(details)}`);
    case 'ScanRequested':
      return good('scan-requested', `${about(details['digest'])} wants a scan`);
    case 'ImageScanned':
      return good('scanned', `${about(details['digest'])} scanned by ${text(details['scanner'])}: ${findingsWords(details['counts'])}`);
    case 'ScanFailed':
      return bad('scan-failed', `${about(details['digest'])} could not be scanned: ${reason(details)}`);
    case 'ScanReported':
      return details['outcome'] === 'scanned'
        ? good('scan-reported', `verdict on ${about(details['digest'])} told to the repository: ${findingsWords(details['counts'])}`)
        : bad('scan-reported', `no verdict on ${about(details['digest'])}: ${text(details['reason'])}`);
    case 'ImageDecided':
      return decisionWords(details);
    case 'ImageCopied':
      return good('copied', copyWords(details));
    case 'ImageCopyFailed':
      return bad('copy-failed', failureWords(details));
    case 'RecordParked':
      return bad('parked', `set aside by ${text(details['app'])}: ${text(details['reason'])} (${text(details['code'])})`);
    case 'ParkedRetryRequested':
    case 'ParkedDropRequested':
      return wishWords(type, details);
    default:
      return undefined; // Pulls and deletions are no steps of a push.
  }
}

function wishWords(type: string, details: Details): Words {
  const what = `${text(details['app'])}'s ${text(details['kind'])} ${text(details['id'])}`;
  const because = text(details['reason']) === '' ? '' : `: ${text(details['reason'])}`;
  const words = (verb: string): string => `${text(details['requestedBy'])} wants ${what} ${verb}${because}`;
  return type === 'ParkedRetryRequested' ? good('retry-requested', words('tried again')) : bad('drop-requested', words('dropped'));
}

const good = (kind: StepKind, words: string): Words => ({ kind, text: words, failed: false });
const bad = (kind: StepKind, words: string): Words => ({ kind, text: words, failed: true });
const reason = (details: Details): string =>
  `${text(details['reason'])} (${text(details['code'])}, ${count(details['attempts'], 'try', 'tries')})`;

function pushWords({ details, timesLogged }: StepRow): string {
  const tags = Array.isArray(details['tags']) && details['tags'].length > 0 ? ` as ${details['tags'].join(', ')}` : ' by digest';
  const actor = text(details['actor']) === '' ? '' : ` by ${text(details['actor'])}`;
  return `pushed${tags}${actor}${timesLogged > 1 ? `, delivered ${timesLogged} times` : ''}`;
}

function inspectionWords(details: Details): string {
  const platforms = list(details['platforms'])
    .map(({ platform }) => text(platform))
    .filter((platform) => platform !== '');
  const size = typeof details['totalBytes'] === 'number' ? `, ${bytesText(details['totalBytes'])}` : '';
  const referrers = Number(details['referrersCount'] ?? 0);
  const what = `${text(details['kind'])}${platforms.length > 0 ? ` for ${platforms.join(' and ')}` : ''}`;
  return `${what}${size}${referrers > 0 ? `, ${count(referrers, 'referrer')}` : ''}${signatureWords(details)}`;
}

/** Nothing where nobody looked, as in steps of earlier versions. */
function signatureWords({ signers, proves, refusedSignatures }: Details): string {
  const names = (of: unknown): readonly string[] => (Array.isArray(of) ? of.map((name) => shortDigest(text(name))) : []);
  const [own, ofSubject, refused] = [names(signers), names(proves), list(refusedSignatures)];
  const signed = own.length > 0 ? `, signed by ${own.join(' and ')}` : '';
  const proven = ofSubject.length > 0 ? `, proves that its subject is signed by ${ofSubject.join(' and ')}` : '';
  const [first] = refused;
  if (first === undefined) return `${signed}${proven}`;
  return `${signed}${proven}; ${count(refused.length, 'signature')} refused: ${text(first['reason'])} (${text(first['code'])})`;
}

function decisionWords(details: Details): Words {
  const names = (details['targets'] as readonly Target[]).map(targetText);
  if (details['outcome'] === 'allow')
    return good(
      'decided',
      `allowed: ${text(details['reason'])}${names.length > 0 ? ` → ${names.join(', ')}` : ''}${admissionWords(details)}`,
    );
  // The targets of a deny, or of a hold of what was allowed, are those that it takes back.
  const what = details['outcome'] !== 'held' ? 'denied' : isHeldAgain({ details }) ? 'held again' : 'held';
  return bad(
    'decided',
    `${what}: ${text(details['reason'])}${names.length > 0 ? `; takes back ${names.join(', ')}` : ''}${admissionWords(details)}`,
  );
}

const admissionVerbs: Readonly<Record<string, string>> = { allow: 'may run', held: 'must not run yet' };

/** Nothing where no policy says what may run. */
function admissionWords({ admission }: Details): string {
  if (typeof admission !== 'object' || admission === null) return '';
  const { outcome, policyId, reason } = admission as Details;
  return `; ${admissionVerbs[text(outcome)] ?? 'must not run'} by ${text(policyId) || 'no policy'}: ${text(reason)}`;
}

/** Whether a hold takes back what was allowed. One that takes back nothing tells what may run. */
export const isHeldAgain = ({ details }: Pick<StepRow, 'details'>): boolean => list(details['targets']).length > 0;

const failureWords = (details: Details): string =>
  details['code'] === 'COPY_WITHDRAWN'
    ? `copy to ${targetName({ details })} cancelled: ${text(details['reason'])}`
    : `copy to ${targetName({ details })} given up: ${reason(details)}`;

const copyWords = (details: Details): string =>
  `copied to ${targetName({ details })}: ${count(details['manifestsCopied'], 'manifest')}, ${count(details['blobsCopied'], 'blob')}, ` +
  `${bytesText(Number(details['bytesCopied']))}${details['verified'] === true ? ', read back and equal' : ', NOT verified'}` +
  partWords(details);

/** Where something was left out it is there under another digest. */
function partWords({ platforms, copiedDigest }: Details): string {
  if (!Array.isArray(platforms) || platforms.length === 0) return '';
  return `; ${platforms.join(', ')} alone, as ${shortDigest(text(copiedDigest))}`;
}

/** `registry/repository:tag` of a copy's event. */
export const targetName = ({ details }: Pick<StepRow, 'details'>): string =>
  `${text(details['targetRegistry'])}/${text(details['targetRepository'])}:${text(details['targetTag'])}`;

/** Worst first, zeros left out: `1 critical, 4 low`. */
export function findingsWords(counts: unknown): string {
  if (typeof counts !== 'object' || counts === null) return 'no counts';
  const found = ['critical', 'high', 'medium', 'low', 'unknown'].flatMap((severity) => {
    const number = Number((counts as Details)[severity] ?? 0);
    return number > 0 ? [`${number} ${severity}`] : [];
  });
  return found.length === 0 ? 'nothing found' : found.join(', ');
}

/** Decimal units, as registries show sizes: `3.2 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** `sha256:` and as many digits as tell digests apart at a glance. */
export const shortDigest = (digest: string): string => digest.replace(/^(sha(?:256|512):[0-9a-f]{12})[0-9a-f]+$/, '$1');
