/** Media types of OCI image spec 1.1 and of Docker's image manifest v2, schema 2. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const;

const indexes: readonly string[] = [mediaTypes.ociIndex, mediaTypes.dockerIndex];
const manifests: readonly string[] = [mediaTypes.ociManifest, mediaTypes.dockerManifest];
const imageConfigs: readonly string[] = [mediaTypes.ociConfig, mediaTypes.dockerConfig];
const layerPrefixes = ['application/vnd.oci.image.layer.', 'application/vnd.docker.image.rootfs.'];

/** What a registry may answer with when asked for a manifest. */
export const manifestAccept = [...manifests, ...indexes].join(', ');

export const isIndexType = (mediaType: string): boolean => indexes.includes(mediaType);
export const isManifestType = (mediaType: string): boolean => manifests.includes(mediaType);
export const isImageConfigType = (mediaType: string): boolean => imageConfigs.includes(mediaType);
export const isLayerType = (mediaType: string): boolean => layerPrefixes.some((prefix) => mediaType.startsWith(prefix));
/** Layers that lie at the URLs in their descriptor and need not be in the registry (OCI image spec 1.0, "Non-Distributable Layers"). */
export const isForeignLayerType = (mediaType: string): boolean =>
  mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
  mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.');
/** Docker's schema 1 (signed or not): its digest is not that of its bytes, so it cannot be verified or copied faithfully. */
export const isSchema1Type = (mediaType: string): boolean => mediaType.startsWith('application/vnd.docker.distribution.manifest.v1+');
