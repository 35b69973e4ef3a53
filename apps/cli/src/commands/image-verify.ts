import {
  checkImage,
  findManifestDigest,
  formatReference,
  getManifest,
  OciError,
  surveyImage,
  type ImageSurvey,
  type PartFault,
  type Reference,
  type RegistryClient,
} from '@waybill/oci';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import { pickPlatform } from '../image/pick-platform.ts';
import { table, type Column } from '../output/table.ts';
import { byteCount, counted, shortDigests } from '../output/text.ts';

export type VerifyOptions = {
  readonly output: OutputFormat;
  /** What the image is to be; undefined: whole in itself. */
  readonly from: Reference | undefined;
  readonly image: Reference;
  /** These platforms only; none: all. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  /** `read`: every blob is read and its digest computed. */
  readonly how: 'head' | 'read';
  readonly signal: AbortSignal;
};
type Hosts = (host: string) => RegistryClient;

/** Something that should be in a repository, and what is wrong with it. */
type Finding = Omit<PartFault, 'kind'> & { readonly kind: PartFault['kind'] | 'name'; readonly at: string };
/** The answer of `waybill image verify -o json`. */
type Verification = {
  readonly image: string;
  readonly digests: readonly string[];
  readonly whole: boolean;
  readonly how: 'head' | 'read';
  readonly checked: { readonly manifests: number; readonly blobs: number; readonly bytes: number; readonly links: number };
  readonly findings: readonly Finding[];
};

/**
 * Looks whether an image is whole: its manifests byte for byte, its blobs by size or by digest, and what refers to it. With `from`: whether
 * all of that one is at `image`.
 * @returns 1 where something is missing or another @throws OciError, CliError
 */
export async function verify(options: VerifyOptions, forHost: Hosts, console: Console): Promise<ExitCode> {
  const { output, how, image } = options;
  const expected = await expectedOf(options, forHost);
  const findings: Finding[] = [];
  const surveys: ImageSurvey[] = [];
  for (const one of expected) {
    const { survey, found } = await verifyOne(options, one, forHost, console);
    surveys.push(survey);
    findings.push(...found);
  }
  const sum = (count: (survey: ImageSurvey) => number): number => surveys.reduce((total, survey) => total + count(survey), 0);
  const verification: Verification = {
    image: formatReference(image),
    digests: surveys.map(({ root }) => root.descriptor.digest),
    whole: findings.length === 0,
    how,
    checked: {
      manifests: sum(({ manifests }) => manifests.size),
      blobs: sum(({ blobs }) => blobs.size),
      bytes: sum(bytesOf),
      links: sum(({ referrers, digestTags }) => referrers.length + digestTags.length),
    },
    findings,
  };
  console.out(output === 'json' ? JSON.stringify(verification, null, 2) : textOf(verification, console));
  return verification.whole ? exitCodes.done : exitCodes.no;
}

type Expected = { readonly image: Reference; readonly platform: string | undefined };

/** By digest, so that all is compared with one and the same. */
async function expectedOf({ from, image, platforms, signal }: VerifyOptions, forHost: Hosts): Promise<readonly Expected[]> {
  const expected = from ?? image;
  const client = forHost(expected.host);
  if (platforms.length > 0)
    return Promise.all(platforms.map(async (platform) => ({ image: await pickPlatform(client, expected, platform, signal), platform })));
  const { digest } = (await getManifest(client, expected, signal)).descriptor;
  return [{ image: { ...expected, digest, reference: digest }, platform: undefined }];
}

async function verifyOne(
  { from, image, referrers, how, signal }: VerifyOptions,
  { image: expected, platform }: Expected,
  forHost: Hosts,
  console: Console,
): Promise<{ readonly survey: ImageSurvey; readonly found: readonly Finding[] }> {
  const { repository, reference } = expected;
  const survey = await surveyImage(forHost(expected.host), { repository, reference, referrers }, signal);
  const client = forHost(image.host);
  const bytesTotal = bytesOf(survey);
  let bytesRead = 0;
  const onBytes = (bytes: number): void => {
    bytesRead += bytes;
    console.progress(`${byteCount(bytesRead)} of ${byteCount(bytesTotal)} read`);
  };
  try {
    const found = await checkImage(client, { repository: image.repository, expected: survey, how, onBytes }, signal);
    const named = from === undefined ? [] : await checkName(client, { image, platform }, survey, signal);
    const place = (where: Reference) => (fault: Omit<Finding, 'at'>) => ({ ...fault, at: `${where.host}/${where.repository}` });
    return { survey, found: [...survey.faults.map(place(expected)), ...[...named, ...found].map(place(image))] };
  } finally {
    console.progress('');
  }
}

async function checkName(
  client: RegistryClient,
  { image, platform }: Expected,
  { root }: ImageSurvey,
  signal: AbortSignal,
): Promise<readonly Omit<Finding, 'at'>[]> {
  const { reference } = image;
  const whole = await findManifestDigest(client, image, signal);
  if (whole === root.descriptor.digest) return [];
  // A name may stand for an index that has the platform among others, or beside its attestations.
  const digest = whole === undefined || platform === undefined ? whole : await findPlatform(client, image, platform, signal);
  if (digest === root.descriptor.digest) return [];
  const fault = digest === undefined ? 'missing' : 'digest';
  return [{ kind: 'name', name: reference, sizeBytes: null, namedBy: root.descriptor.digest, fault }];
}

async function findPlatform(client: RegistryClient, image: Reference, platform: string, signal: AbortSignal) {
  try {
    return (await pickPlatform(client, image, platform, signal)).digest;
  } catch (error) {
    if (error instanceof CliError || (error instanceof OciError && error.code === 'CONTENT_NOT_FOUND')) return undefined;
    throw error;
  }
}

const bytesOf = ({ blobs }: ImageSurvey): number => [...blobs.values()].reduce((sum, { descriptor }) => sum + descriptor.sizeBytes, 0);

function textOf({ image, digests, whole, how, checked, findings }: Verification, console: Console): string {
  const { manifests, blobs, bytes, links } = checked;
  const size = `${counted(manifests, 'manifest')}, ${counted(blobs, 'blob')} (${byteCount(bytes)}), ${counted(links, 'referrer')}`;
  const checks = how === 'read' ? 'each read and its digest computed' : 'manifests read, blobs by size';
  if (whole) return `${console.style('green', 'whole')} ${image} is ${digests.join(', ')}\n${size}: ${checks}`;
  const head = `${console.style('red', 'not whole')} ${image} is to be ${digests.join(', ')}`;
  return `${head}\n${counted(findings.length, 'fault')} in ${size}: ${checks}\n\n${table(findings, columns, console)}`;
}

const faultTexts: Readonly<Record<Finding['fault'], string>> = {
  missing: 'missing',
  size: 'another size',
  digest: 'another digest',
  invalid: 'not understood',
};

const columns: readonly Column<Finding>[] = [
  { title: 'FAULT', cell: ({ fault }) => faultTexts[fault], style: () => 'red' },
  { title: 'WHAT', cell: ({ kind }) => kind },
  { title: 'NAME', cell: ({ name }) => shortDigests(name) },
  { title: 'SIZE', cell: ({ sizeBytes }) => (sizeBytes === null ? '' : byteCount(sizeBytes)), align: 'right' },
  { title: 'OF', cell: ({ namedBy }) => shortDigests(namedBy), optional: true },
  { title: 'AT', cell: ({ at }) => at, flexible: 'cut' },
];
