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
export const carrierBounds = {
  carriersMax: 100,
  /** One tag gathers what others give a manifest each. */
  layersMax: 64,
  referrerLayersMax: 8,
  bundleBytesMax: 256 * 1_024,
  payloadBytesMax: 64 * 1_024,
} as const;
const readsAtOnceMax = 4;

/** A signature as it lies in a layer of the manifest that carries it. */
export type Candidate = { readonly carrier: string } & (
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

/** Judges a signature as soon as it is read, so that no more of them than are read at once lie in memory. */
export type Judge<T> = (candidate: Candidate) => T;

/**
 * All that is said to sign an image: what the tag of its digest leads to, and bundles and others among its referrers.
 * @throws OciError where the registry fails to answer, so that nothing that is there is taken for missing
 */
export async function readCandidates<T>(place: Place, image: InspectedImage, judge: Judge<T>, signal: AbortSignal): Promise<readonly T[]> {
  const { client, repository } = place;
  const { carriersMax, layersMax, referrerLayersMax } = carrierBounds;
  const tagged = await findManifestDigest(client, { repository, reference: `${referrersTag(image.digest as Digest)}.sig` }, signal);
  const carriers = new Set(image.referrers.filter(isCarrier).map(({ digest }) => digest));
  if (tagged !== undefined) carriers.delete(tagged);
  const all = [...(tagged === undefined ? [] : [tagged]), ...carriers];
  const judged = await mapConcurrently(all.slice(0, carriersMax), readsAtOnceMax, signal, (carrier, either) =>
    readCarrier(place, { carrier, layersMax: carrier === tagged ? layersMax : referrerLayersMax }, judge, either),
  );
  const left = all.length - carriersMax;
  if (left <= 0) return judged.flat();
  const why = `${left} more of what is said to sign it was not looked at: delete what is not needed, or push the signature again`;
  return [judge(unread(image.digest, new Refusal('SIGNATURES_TOO_MANY', why))), ...judged.flat()];
}

type Carrier = { readonly carrier: string; readonly layersMax?: number };

/** The signatures in one manifest. @throws OciError as {@link readCandidates} does */
export async function readCarrier<T>(
  place: Place,
  { carrier, layersMax = carrierBounds.layersMax }: Carrier,
  judge: Judge<T>,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const { client, repository } = place;
  const manifest = await unlessDamaged(place, () => getManifest(client, { repository, reference: carrier }, signal));
  if (manifest instanceof Refusal) return [judge(unread(carrier, manifest))];
  const layers = layersOf(manifest);
  const judged: T[] = [];
  // Newer ones are added at the end.
  for (const layer of layers.slice(-layersMax)) judged.push(judge(await readLayer(place, carrier, layer, signal)));
  const left = layers.length - layersMax;
  return left <= 0
    ? judged
    : [judge(unread(carrier, new Refusal('SIGNATURES_TOO_MANY', `it has ${left} more, which are older`))), ...judged];
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
  const bytesMax = isBundle(layer) ? bundleBytesMax : payloadBytesMax;
  const descriptor = { mediaType: layer.mediaType, digest: layer.digest as Digest, sizeBytes: layer.size };
  const bytes = await unlessDamaged(place, () => readBlob(client, { repository, descriptor }, bytesMax, signal));
  if (bytes instanceof Refusal) return unread(carrier, bytes);
  return isBundle(layer)
    ? { form: 'bundle', carrier, bytes }
    : { form: 'simple-signing', carrier, bytes, annotations: layer.annotations ?? {} };
}

const unread = (carrier: string, refusal: Refusal): Candidate => ({ form: 'unread', carrier, refusal });

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
