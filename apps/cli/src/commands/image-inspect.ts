import { getManifest, type Reference, type RegistryClient } from '@waybill/oci';
import type { Console, OutputFormat } from '../console.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { commandLine } from '../image/compare-images.ts';
import {
  describeImage,
  type ImageDescription,
  type LayerDescription,
  type PlatformDescription,
  type ReferrerDescription,
} from '../image/describe-image.ts';
import { pickPlatform } from '../image/pick-platform.ts';
import { facts, type Fact } from '../output/facts.ts';
import { table, type Column } from '../output/table.ts';
import { byteCount, counted, dateTime, grouped, shortDigests } from '../output/text.ts';

export type InspectOptions = {
  readonly output: OutputFormat;
  readonly image: Reference;
  /** Of an index, the image of this platform alone. */
  readonly platform: string | undefined;
  /** The manifest's bytes instead of what they mean. */
  readonly raw: boolean;
  readonly referrers: boolean;
  readonly signal: AbortSignal;
};

/** Shows what an image is: platforms, layers, how it is run, and what refers to it. @throws OciError, CliError */
export async function inspect(options: InspectOptions, client: RegistryClient, console: Console): Promise<ExitCode> {
  const { output, platform, raw, referrers, signal } = options;
  const image = platform === undefined ? options.image : await pickPlatform(client, options.image, platform, signal);
  if (raw) {
    console.bytes((await getManifest(client, image, signal)).bytes);
    return exitCodes.done;
  }
  const description = await describeImage(client, image, { referrers, signal });
  console.out(output === 'json' ? JSON.stringify(description, null, 2) : textOf(description, console));
  for (const { kind, name, fault } of description.faults) console.err(`${console.style('red', 'faulty')} ${kind} ${name}: ${fault}`);
  return exitCodes.done;
}

function textOf(description: ImageDescription, console: Console): string {
  const { platforms, referrers, digestTags } = description;
  const [first] = platforms;
  const parts = [
    console.style('bold', description.image),
    facts(factsOf(description), console),
    ...(platforms.length > 1 ? [table(platforms, platformColumns, console)] : []),
    ...(platforms.length === 1 && first ? [facts(configFacts(first), console), table(numbered(first), layerColumns, console)] : []),
    ...(referrers.length > 0 ? [table(referrers.map(named(description)), referrerColumns, console)] : []),
    ...(digestTags.length > 0
      ? [
          facts(
            digestTags.map(({ kind, tag }) => [kind, tag]),
            console,
          ),
        ]
      : []),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function factsOf({ digest, mediaType, kind, artifactType, manifests, blobs, platforms, annotations }: ImageDescription): readonly Fact[] {
  const what = {
    index: `index of ${counted(platforms.length, 'platform')}`,
    image: `image for ${platforms[0]?.platform}`,
    artifact: 'artifact',
  }[kind];
  return [
    ['digest', digest],
    ['what', artifactType === null ? what : `${what} of type ${artifactType}`],
    ['media type', mediaType],
    ['size', `${byteCount(blobs.sizeBytes)} in ${counted(blobs.count, 'blob')}, ${counted(manifests.count, 'manifest')}`],
    ...Object.entries(annotations).map(([name, value]): Fact => [`annotation ${name}`, value]),
  ];
}

function configFacts({ config, createdAt }: PlatformDescription): readonly Fact[] {
  const said: readonly Fact[] = [
    ['created', createdAt ?? ''],
    ['user', config?.user ?? ''],
    ['entrypoint', commandLine(config?.entrypoint ?? [])],
    ['command', commandLine(config?.cmd ?? [])],
    ['folder', config?.workingDir ?? ''],
    ['ports', config?.ports.join(', ') ?? ''],
    ['volumes', config?.volumes.join(', ') ?? ''],
    ...(config?.env ?? []).map((variable): Fact => ['env', variable]),
    ...Object.entries(config?.labels ?? {}).map(([name, value]): Fact => [`label ${name}`, value]),
  ];
  return said.filter(([, value]) => value !== '');
}

const createdText = (createdAt: string | null): string => {
  const createdAtMs = Date.parse(createdAt ?? '');
  return Number.isNaN(createdAtMs) ? '-' : dateTime(createdAtMs);
};

const platformColumns: readonly Column<PlatformDescription>[] = [
  { title: 'PLATFORM', cell: ({ platform }) => platform },
  { title: 'DIGEST', cell: ({ digest }) => shortDigests(digest), style: () => 'dim' },
  { title: 'LAYERS', cell: ({ layers }) => grouped(layers.length), align: 'right' },
  { title: 'SIZE', cell: ({ totalBytes }) => byteCount(totalBytes), align: 'right' },
  { title: 'CREATED (UTC)', cell: ({ createdAt }) => createdText(createdAt), optional: true, style: () => 'dim' },
];

type NumberedLayer = LayerDescription & { readonly number: number };
const numbered = ({ layers }: PlatformDescription): readonly NumberedLayer[] => layers.map((layer, at) => ({ ...layer, number: at + 1 }));
const layerColumns: readonly Column<NumberedLayer>[] = [
  { title: 'LAYER', cell: ({ number }) => String(number), align: 'right' },
  { title: 'DIGEST', cell: ({ digest }) => shortDigests(digest), style: () => 'dim' },
  { title: 'SIZE', cell: ({ sizeBytes }) => byteCount(sizeBytes), align: 'right' },
  { title: 'MADE BY', cell: ({ createdBy }) => createdBy ?? '', flexible: 'cut' },
];

type NamedReferrer = ReferrerDescription & { readonly of: string };
/** Says what a referrer is of in the words of the tables above. */
const named =
  ({ digest, platforms }: ImageDescription) =>
  (referrer: ReferrerDescription): NamedReferrer => {
    const platform = platforms.find((each) => each.digest === referrer.subject)?.platform;
    return { ...referrer, of: referrer.subject === digest ? 'the image' : (platform ?? shortDigests(referrer.subject)) };
  };
const referrerColumns: readonly Column<NamedReferrer>[] = [
  { title: 'REFERRER', cell: ({ kind }) => kind },
  { title: 'OF', cell: ({ of }) => of },
  { title: 'DIGEST', cell: ({ digest }) => shortDigests(digest), optional: true, style: () => 'dim' },
  { title: 'SIZE', cell: ({ sizeBytes }) => byteCount(sizeBytes), align: 'right', optional: true },
  { title: 'TYPE', cell: ({ type }) => type, flexible: 'cut' },
];
