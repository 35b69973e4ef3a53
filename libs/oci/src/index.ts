export { addToReferrersTag, listReferrers, listReferrersByTag, referrersMax, referrersTag } from './referrer/referrers.ts';
export { asJobError } from './host/job-error.ts';
export { createCopier } from './copy/copier.ts';
export type { CopierOptions } from './copy/copier.ts';
export type { BlobReport, Copier, CopyProgress, CopyReport, CopyRequest, ManifestReport, Place } from './copy/copy-request.ts';
export { createRegistryClient } from './host/client.ts';
export type { ClientOptions, RegistryClient, RequestOwner } from './host/client.ts';
export { probeRegistry } from './host/probe.ts';
export type { ProbeAnswer } from './host/probe.ts';
export { createRegistryClients, findRegistry } from './host/registries.ts';
export type { RegistryClients } from './host/registries.ts';
export { mapConcurrently } from './host/concurrent.ts';
export { digestOf, hasDigest } from './descriptor/digest.ts';
export { findBlobSize, openBlob, readBlob } from './blob/blob.ts';
export { uploadBlob } from './blob/upload.ts';
export type { BlobQuery } from './blob/blob.ts';
export { readImageConfig } from './manifest/image-config.ts';
export {
  findManifestDescriptor,
  findManifestDigest,
  getManifest,
  manifestBytesMax,
  parseManifest,
  putManifest,
} from './manifest/manifest.ts';
export type { Manifest, ManifestQuery } from './manifest/manifest.ts';
export { inspectImage } from './inspect/inspect-image.ts';
export type { InspectedImage } from './inspect/inspect-image.ts';
export { platformImagesOf } from './inspect/platform-images.ts';
export type { PlatformImage } from './inspect/platform-images.ts';
export { checkImage } from './inspect/check-image.ts';
export { surveyImage } from './inspect/survey-image.ts';
export type { ImageSurvey, PartFault } from './inspect/survey-image.ts';
export { loadRegistries } from './host/load-registries.ts';
export { parsePlatform } from './descriptor/platform.ts';
export { mediaTypes } from './descriptor/media-types.ts';
export { OciError } from './host/errors.ts';
export type { OciErrorCode } from './host/errors.ts';
export type { Registry } from './host/settings.ts';
export type { Descriptor, DescriptorDocument } from './descriptor/descriptor.ts';
export { deleteBlob, deleteManifest, deleteTag } from './tag/delete.ts';
export { listRepositories } from './tag/list-repositories.ts';
export { listTags } from './tag/list-tags.ts';
export type { PageOptions } from './tag/list-tags.ts';
export { formatReference, parseReference } from './reference/reference.ts';
export type { Reference } from './reference/reference.ts';
