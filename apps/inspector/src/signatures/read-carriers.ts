import type { Digest } from '@waybill/domain';
import {
  findManifestDigest,
  getManifest,
  mapConcurrently,
  OciError,
  readBlob,
  referrersTag,
  type DescriptorDocument,
  type InspectedImage,
  type Manifest,
  type OciErrorCode,
  type RegistryClient,
} from '@waybill/oci';
import { Refusal } from './refusal.ts';
import { signaturePredicate } from './verify-bundle.ts';

const bundleType = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d\.\d\+json|\+json;version=\d\.\d)$/;
const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
/** Of cosign 2, where it was told to use referrers. */
const cosignArtifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json';

/** What is read of what is said to sign one image, whoever pushed it. Attestations in bundles cannot be told before they are read. */
export const carrierBounds = { carriersMax: 100, signaturesMax: 64, bundleBytesMax: 256 * 1_024, payloadBytesMax: 64 * 1_024 } as const;
const readsAtOnceMax = 4;

/** A signature as it lies in a layer of the manifest that carries it. */
export type Candidate = { readonly carrier: Digest } & (
  | { readonly form: 'bundle'; readonly bytes: Buffer }
  | { readonly form: 'simple-signing'; readonly bytes: Buffer; readonly annotations: Readonly<Record<string, string>> }
  | { readonly form: 'unread'; readonly refusal: Refusal }
);

export type Place = {
  readonly client: RegistryClient;
  readonly repository: string;
  /** Whether what is not there may come yet: a webhook may outrun a registry's replicas. */
  readonly mayComeYet: boolean;
};

/** Whether an artifact is there to sign another manifest. */
export const isCarrier = ({ artifactType }: Pick<InspectedImage['referrers'][number], 'artifactType'>): boolean =>
  artifactType !== null && (bundleType.test(artifactType) || artifactType === simpleSigningType || artifactType === cosignArtifactType);

/**
 * All that is said to sign an image: bundles and others among its referrers, and the tag of its digest.
 * @throws OciError where the registry fails to answer, so that nothing that is there is taken for missing
 */
export async function readCandidates(place: Place, image: InspectedImage, signal: AbortSignal): Promise<readonly Candidate[]> {
  const { client, repository } = place;
  const carriers = image.referrers.filter(isCarrier).map(({ digest }) => digest as Digest);
  const tagged = await findManifestDigest(client, { repository, reference: `${referrersTag(image.digest as Digest)}.sig` }, signal);
  const all = [...new Set([...(tagged === undefined ? [] : [tagged]), ...carriers])];
  const read = await mapConcurrently(all.slice(0, carrierBounds.carriersMax), readsAtOnceMax, signal, (digest, either) =>
    readCarrier(place, digest, either),
  );
  const left = all.length - carrierBounds.carriersMax;
  const why = `${left} more of what is said to sign it was not looked at: delete what is not needed, or push the signature again`;
  return [...read.flat(), ...(left > 0 ? [unread(image.digest, new Refusal('SIGNATURES_TOO_MANY', why))] : [])];
}

/** The signatures in one manifest. @throws OciError as {@link readCandidates} does */
export async function readCarrier(place: Place, carrier: string, signal: AbortSignal): Promise<readonly Candidate[]> {
  const { client, repository } = place;
  const manifest = await unlessDamaged(place, () => getManifest(client, { repository, reference: carrier }, signal));
  if (manifest instanceof Refusal) return [unread(carrier, manifest)];
  const layers = layersOf(manifest);
  // Newer ones are added at the end.
  const left = layers.length - carrierBounds.signaturesMax;
  const candidates: Candidate[] =
    left > 0 ? [unread(carrier, new Refusal('SIGNATURES_TOO_MANY', `it has ${left} more, which are older`))] : [];
  for (const layer of layers.slice(-carrierBounds.signaturesMax)) candidates.push(await readLayer(place, carrier, layer, signal));
  return candidates;
}

const isBundle = ({ mediaType }: DescriptorDocument): boolean => bundleType.test(mediaType);

function layersOf(manifest: Manifest): readonly DescriptorDocument[] {
  if (manifest.kind === 'index') return [];
  const { layers, annotations } = manifest.document;
  // Nobody has signed the annotation. Whoever lies in it hides a signature, and makes none.
  const predicate = annotations?.['dev.sigstore.bundle.predicateType'] ?? signaturePredicate;
  return layers.filter((layer) => layer.mediaType === simpleSigningType || (isBundle(layer) && predicate === signaturePredicate));
}

async function readLayer(place: Place, carrier: string, layer: DescriptorDocument, signal: AbortSignal): Promise<Candidate> {
  const { client, repository } = place;
  const { bundleBytesMax, payloadBytesMax } = carrierBounds;
  const descriptor = { mediaType: layer.mediaType, digest: layer.digest as Digest, sizeBytes: layer.size };
  const bytesMax = isBundle(layer) ? bundleBytesMax : payloadBytesMax;
  const bytes = await unlessDamaged(place, () => readBlob(client, { repository, descriptor }, bytesMax, signal));
  if (bytes instanceof Refusal) return unread(carrier, bytes);
  if (isBundle(layer)) return { form: 'bundle', carrier: carrier as Digest, bytes };
  return { form: 'simple-signing', carrier: carrier as Digest, bytes, annotations: layer.annotations ?? {} };
}

const unread = (carrier: string, refusal: Refusal): Candidate => ({ form: 'unread', carrier: carrier as Digest, refusal });

/** What is wrong with the content itself, and stays so however often it is asked for. */
const damages: readonly OciErrorCode[] = ['CONTENT_NOT_FOUND', 'CONTENT_TOO_LARGE', 'MANIFEST_INVALID', 'MANIFEST_UNSUPPORTED'];

async function unlessDamaged<T>({ mayComeYet }: Place, read: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof OciError) || !damages.includes(error.code)) throw error;
    if (error.code === 'CONTENT_NOT_FOUND' && mayComeYet) throw error;
    return new Refusal('SIGNATURE_UNREADABLE', `${error.code}: ${error.message}`, { cause: error });
  }
}
