import type { ImageDescription, LayerDescription, PlatformDescription } from './describe-image.ts';

/** A value that is another one in the second image; null where it has none. */
export type Change = { readonly name: string; readonly a: string | null; readonly b: string | null };
export type LayerChanges = {
  readonly shared: { readonly count: number; readonly sizeBytes: number };
  readonly removed: readonly LayerDescription[];
  readonly added: readonly LayerDescription[];
};
export type PlatformDiff = {
  readonly platform: string;
  readonly status: 'same' | 'changed' | 'removed' | 'added';
  readonly a: string | null;
  readonly b: string | null;
  readonly layers: LayerChanges;
  readonly changes: readonly Change[];
};
/** What only one of them has: a referrer, or a tag by which cosign finds one. */
export type Companion = { readonly kind: string; readonly name: string; readonly subject: string };
/** What is another in the second of two images: the answer of `waybill image diff -o json`. */
export type ImageDiff = {
  readonly same: boolean;
  readonly a: { readonly image: string; readonly digest: string };
  readonly b: { readonly image: string; readonly digest: string };
  /** Of the manifest that the name stands for. */
  readonly changes: readonly Change[];
  readonly platforms: readonly PlatformDiff[];
  readonly companions: { readonly removed: readonly Companion[]; readonly added: readonly Companion[] };
};

/** Compares two images, or one image at two registries. Where both say the same, only what refers to them can differ. */
export function compareImages(a: ImageDescription, b: ImageDescription): ImageDiff {
  const companions = { removed: missingFrom(b, a), added: missingFrom(a, b) };
  return {
    same: a.digest === b.digest && companions.removed.length === 0 && companions.added.length === 0,
    a: { image: a.image, digest: a.digest },
    b: { image: b.image, digest: b.digest },
    changes: changesOf(aboutManifest(a), aboutManifest(b)),
    platforms: comparePlatforms(a.platforms, b.platforms),
    companions,
  };
}

function comparePlatforms(a: readonly PlatformDescription[], b: readonly PlatformDescription[]): readonly PlatformDiff[] {
  const names = new Set([...a, ...b].map(({ platform }) => platform));
  return [...names].map((platform) => {
    const before = a.find((each) => each.platform === platform);
    const after = b.find((each) => each.platform === platform);
    const isSame = before?.digest === after?.digest;
    return {
      platform,
      status: isSame ? 'same' : before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
      a: before?.digest ?? null,
      b: after?.digest ?? null,
      layers: compareLayers(before?.layers ?? [], after?.layers ?? []),
      changes: before !== undefined && after !== undefined ? changesOf(aboutPlatform(before), aboutPlatform(after)) : [],
    };
  });
}

function compareLayers(a: readonly LayerDescription[], b: readonly LayerDescription[]): LayerChanges {
  const lacks = (layers: readonly LayerDescription[]) => (layer: LayerDescription) => !layers.some(({ digest }) => digest === layer.digest);
  const removed = a.filter(lacks(b));
  const shared = a.filter((layer) => !removed.includes(layer));
  return {
    shared: { count: shared.length, sizeBytes: shared.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    removed,
    added: b.filter(lacks(a)),
  };
}

type Named = ReadonlyMap<string, string>;

/** Those of both, in the order in which they come, whose values are not the same. */
function changesOf(a: Named, b: Named): readonly Change[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].flatMap((name) => {
    const change = { name, a: a.get(name) ?? null, b: b.get(name) ?? null };
    return change.a === change.b ? [] : [change];
  });
}

const aboutManifest = ({ mediaType, artifactType, annotations }: ImageDescription): Named =>
  said([['media type', mediaType], ['artifact type', artifactType], ...prefixed('annotation', Object.entries(annotations))]);

function aboutPlatform({ mediaType, createdAt, config, annotations, layers }: PlatformDescription): Named {
  const variables = (config?.env ?? []).map((variable): readonly [string, string] => {
    const at = variable.indexOf('=');
    return at < 0 ? [variable, ''] : [variable.slice(0, at), variable.slice(at + 1)];
  });
  return said([
    ['media type', mediaType],
    ['created', createdAt],
    ['user', config?.user],
    ['entrypoint', config && commandLine(config.entrypoint)],
    ['command', config && commandLine(config.cmd)],
    ['folder', config?.workingDir],
    ['ports', config?.ports.join(', ')],
    ['volumes', config?.volumes.join(', ')],
    ['stop signal', config?.stopSignal],
    ['media types of layers', [...new Set(layers.map((layer) => layer.mediaType))].join(', ')],
    ...prefixed('env', variables),
    ...prefixed('label', Object.entries(config?.labels ?? {})),
    ...prefixed('annotation', Object.entries(annotations)),
  ]);
}

const prefixed = (prefix: string, entries: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] =>
  entries.map(([name, value]) => [`${prefix} ${name}`, value]);

const said = (entries: readonly (readonly [string, string | null | undefined])[]): Named =>
  new Map(entries.filter((entry): entry is readonly [string, string] => typeof entry[1] === 'string' && entry[1] !== ''));

/** As it could be typed: what a shell would take apart stands in quotes. */
export const commandLine = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');

/** What the second has beside its image and the first has not. */
function missingFrom(first: ImageDescription, second: ImageDescription): readonly Companion[] {
  const known = new Set(companionsOf(first).map(keyOf));
  return companionsOf(second).filter((companion) => !known.has(keyOf(companion)));
}

const keyOf = ({ name, subject }: Companion): string => `${name} of ${subject}`;

const companionsOf = ({ referrers, digestTags }: ImageDescription): readonly Companion[] => [
  ...referrers.map(({ kind, digest, subject }) => ({ kind, name: digest, subject })),
  ...digestTags.map(({ kind, tag, digest, subject }) => ({ kind, name: `${tag} -> ${digest}`, subject })),
];
