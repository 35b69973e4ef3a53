import type { Reference, RegistryClient } from '@waybill/oci';
import type { Console, OutputFormat } from '../console.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { compareImages, type Change, type Companion, type ImageDiff, type PlatformDiff } from '../image/compare-images.ts';
import { describeImage, type LayerDescription } from '../image/describe-image.ts';
import { pickPlatform } from '../image/pick-platform.ts';
import { byteCount, cut, printable, shortDigests } from '../output/text.ts';

export type DiffOptions = {
  readonly output: OutputFormat;
  readonly a: Reference;
  readonly b: Reference;
  /** Only the images of this platform. */
  readonly platform: string | undefined;
  readonly referrers: boolean;
  readonly signal: AbortSignal;
};

/** Says what is another in the second image. @returns 1 where they differ @throws OciError, CliError */
export async function diff(options: DiffOptions, forHost: (host: string) => RegistryClient, console: Console): Promise<ExitCode> {
  const { output, platform, referrers, signal } = options;
  const read = async (image: Reference) => {
    const client = forHost(image.host);
    const picked = platform === undefined ? image : await pickPlatform(client, image, platform, signal);
    return describeImage(client, picked, { referrers, signal });
  };
  const [a, b] = await Promise.all([read(options.a), read(options.b)]);
  const found = compareImages(a, b);
  console.out(output === 'json' ? JSON.stringify(found, null, 2) : textOf(found, console));
  return found.same ? exitCodes.done : exitCodes.no;
}

/** As `diff` writes it: what only the first has begins with -, what only the second has with +. */
function textOf({ same, a, b, changes, platforms, companions }: ImageDiff, console: Console): string {
  if (same) return `${console.style('green', 'same')} ${a.digest}`;
  const minus = (text: string): string => console.style('red', fitted(`- ${text}`, console));
  const plus = (text: string): string => console.style('green', fitted(`+ ${text}`, console));
  const change = ({ name, a: before, b: after }: Change): readonly string[] => [
    ...(before === null ? [] : [minus(`${name}  ${before}`)]),
    ...(after === null ? [] : [plus(`${name}  ${after}`)]),
  ];
  const layer = ({ digest, sizeBytes, createdBy }: LayerDescription): string =>
    `layer ${shortDigests(digest)}  ${byteCount(sizeBytes).padStart(8)}  ${createdBy ?? ''}`.trimEnd();
  const companion = ({ kind, name, subject }: Companion): string => `${kind} ${shortDigests(name)}  of ${shortDigests(subject)}`;
  return [
    console.style('red', `--- ${a.image}`),
    console.style('green', `+++ ${b.image}`),
    ...(a.digest === b.digest ? [`  digest  ${a.digest}`] : [minus(`digest  ${a.digest}`), plus(`digest  ${b.digest}`)]),
    ...changes.flatMap(change),
    ...platforms.flatMap((platform) => [
      console.style('bold', `@@ ${printable(platform.platform)}: ${statusText(platform)}`),
      ...platform.layers.removed.filter(() => platform.status === 'changed').map((each) => minus(layer(each))),
      ...platform.layers.added.filter(() => platform.status === 'changed').map((each) => plus(layer(each))),
      ...platform.changes.flatMap(change),
    ]),
    ...companions.removed.map((each) => minus(companion(each))),
    ...companions.added.map((each) => plus(companion(each))),
  ].join('\n');
}

const fitted = (text: string, { columns }: Console): string => cut(printable(text), columns);

function statusText({ status, layers: { shared, removed, added } }: PlatformDiff): string {
  const sum = (layers: readonly LayerDescription[]): string =>
    `${layers.length} (${byteCount(layers.reduce((total, { sizeBytes }) => total + sizeBytes, 0))})`;
  switch (status) {
    case 'same':
      return 'same';
    case 'added':
      return `only in the second, ${sum(added)} layers`;
    case 'removed':
      return `only in the first, ${sum(removed)} layers`;
    case 'changed':
      return `${shared.count} (${byteCount(shared.sizeBytes)}) layers shared, ${sum(removed)} removed, ${sum(added)} added`;
  }
}
