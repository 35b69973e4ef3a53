import {
  parsePlatform,
  platformImagesOf,
  readImageConfig,
  surveyImage,
  type PlatformImage,
  type Reference,
  type RegistryClient,
} from '@waybill/oci';
import { formatPlatform, matchesPlatform, type Digest } from '@waybill/domain';
import { CliError, exitCodes } from '../exit.ts';

/**
 * The image of one platform, by digest.
 * @throws OciError; CliError 3 where the image is not for that platform, with those that it is for
 */
export async function pickPlatform(client: RegistryClient, image: Reference, platform: string, signal: AbortSignal): Promise<Reference> {
  const wanted = parsePlatform(platform);
  const { repository, reference } = image;
  const survey = await surveyImage(client, { repository, reference, referrers: false }, signal);
  const found = await Promise.all(
    platformImagesOf(survey).map(async (each) => ({
      digest: each.manifest.descriptor.digest,
      platform: each.platform ?? (await platformOfConfig(client, repository, each, signal)),
    })),
  );
  const match = found.find((each) => matchesPlatform(wanted, each.platform));
  if (match) return { ...image, digest: match.digest, reference: match.digest };
  const known = found.map((each) => formatPlatform(each.platform)).join(', ') || 'none, for it is no image';
  throw new CliError(exitCodes.unreachable, `there is no ${formatPlatform(wanted)} of ${repository}:${reference}`, `It is for: ${known}.`);
}

/** Only an index says it beside its images; an image alone says it in its config. */
function platformOfConfig(client: RegistryClient, repository: string, { manifest }: PlatformImage, signal: AbortSignal) {
  const { digest, mediaType, size } = manifest.document.config;
  return readImageConfig(client, { repository, descriptor: { digest: digest as Digest, mediaType, sizeBytes: size } }, signal);
}
