import type { Event, ImageInspected, VerifiedSignature } from '@waybill/domain';
import type { StepDetails } from './rows.ts';

const listMax = 20;
const textLengthMax = 2_000;
const cut = (text: string | null): string | null =>
  text === null || text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax)}…`;

/** What a trace shows of an event, bounded; undefined where an event is no step of a journey. */
export function stepDetails(event: Event): StepDetails | undefined {
  switch (event.type) {
    case 'DeliveryReceived': {
      const { source, endpoint, receivedAtMs, bodySha256, body } = event.data;
      return { source, endpoint, receivedAtMs, bodySha256, bodyBytes: body.length };
    }
    case 'ImagePushed':
    case 'ImagePulled': {
      const { registry, repository, tags, digest, mediaType, actor, occurredAtMs, receivedAtMs, origin, endpoint } = event.data;
      return {
        registry,
        repository,
        tags: tags.slice(0, listMax),
        digest,
        mediaType,
        actor: cut(actor),
        occurredAtMs,
        receivedAtMs,
        origin,
        endpoint,
      };
    }
    case 'ImageDeleted': {
      const { registry, repository, tags, digest, actor, occurredAtMs, receivedAtMs } = event.data;
      return { registry, repository, tags: tags.slice(0, listMax), digest, actor: cut(actor), occurredAtMs, receivedAtMs };
    }
    case 'ImageInspected': {
      const { registry, repository, digest, tags, kind, mediaType, artifactType, totalBytes, platforms, referrers, pushEventId } =
        event.data;
      const short = platforms.slice(0, listMax).map(({ digest, os, architecture, variant, totalBytes }) => ({
        digest,
        platform: platformName(os, architecture, variant),
        totalBytes,
      }));
      return {
        ...{ registry, repository, digest, tags: tags.slice(0, listMax), kind, mediaType, artifactType, totalBytes, pushEventId },
        ...{ platforms: short, platformsCount: platforms.length, referrersCount: referrers.length },
        ...signatureDetails(event.data),
      };
    }
    case 'ImageInspectionFailed': {
      const { digest, tags, code, reason, attempts, pushEventId } = event.data;
      return { digest, tags: tags.slice(0, listMax), code, reason: cut(reason), attempts, pushEventId };
    }
    case 'ScanRequested':
      return { digest: event.data.digest, imageDigest: event.data.imageDigest };
    case 'ImageScanned': {
      const { digest, scanner, scannerVersion, worstSeverity, counts, findings, startedAtMs, finishedAtMs } = event.data;
      return { digest, scanner, scannerVersion, worstSeverity, counts, findings: findings.slice(0, listMax), startedAtMs, finishedAtMs };
    }
    case 'ScanFailed': {
      const { digest, scanner, code, reason, attempts } = event.data;
      return { digest, scanner, code, reason: cut(reason), attempts };
    }
    case 'ScanReported': {
      const { digest, imageDigest, outcome, worstSeverity, counts, scanner, scannedAtMs, reason, scanEventId } = event.data;
      return { digest, imageDigest, outcome, worstSeverity, counts, scanner, scannedAtMs, reason: cut(reason), scanEventId };
    }
    default:
      return laterDetails(event);
  }
}

/** By whom it is signed, or proves its subject to be; and what does not count, with the reason. */
function signatureDetails({ signatures, subjectSignatures, refusedSignatures }: ImageInspected): StepDetails {
  const names = (of: readonly VerifiedSignature[]) =>
    of.slice(0, listMax).map(({ key, subject, issuer }) => key ?? `${subject} (${issuer})`);
  const refused = refusedSignatures.slice(0, listMax).map(({ code, reason, digest }) => ({ code, reason: cut(reason), digest }));
  return { signers: signatures && names(signatures), proves: names(subjectSignatures), refusedSignatures: refused };
}

/** From the decision on, and what was set aside. */
function laterDetails(event: Event): StepDetails | undefined {
  switch (event.type) {
    case 'ImageDecided': {
      const { tag, digest, outcome, policyId, policySetVersion, reason, trace, targets, admission, pushEventId } = event.data;
      return {
        ...{ tag, digest, outcome, policyId, policySetVersion, reason: cut(reason), pushEventId },
        ...{ trace: trace.slice(0, listMax), targets: targets.slice(0, listMax), targetsCount: targets.length },
        admission: admission && { outcome: admission.outcome, policyId: admission.policyId, reason: cut(admission.reason) },
      };
    }
    case 'ImageCopied':
      return { ...event.data };
    case 'ImageCopyFailed':
      return { ...event.data, reason: cut(event.data.reason) };
    case 'RecordParked': {
      const { app, topic, partition, offset, code, reason } = event.data;
      return { app, origin: { topic, partition, offset }, code, reason: cut(reason) };
    }
    case 'ParkedRetryRequested':
    case 'ParkedDropRequested': {
      const { app, kind, id, requestedBy, reason } = event.data;
      return { app, kind, id, requestedBy: cut(requestedBy), reason: cut(reason) };
    }
    default:
      return undefined; // Policies belong to no push; rows of state topics are no events.
  }
}

/** Empty where the config names none (an artifact, an image made from nothing): whoever shows it takes the digest instead. */
const platformName = (os: string, architecture: string, variant: string | null): string =>
  [os, architecture, variant ?? ''].filter((part) => part !== '').join('/');
