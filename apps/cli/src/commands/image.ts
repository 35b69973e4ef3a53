import type { Reference } from '@waybill/oci';
import { Option, type Command } from 'commander';
import { examples, type Globals, type ProgramOptions } from '../command-line.ts';
import type { ExitCode } from '../exit.ts';
import type { AskedPairs } from '../image/copy-pairs.ts';
import type { OpenRegistries } from '../image/open-registries.ts';
import { integer } from '../options.ts';

/** `waybill image …`: what lies in registries, read and copied by hand. Needs neither Kafka nor the API. */
export function addImage(program: Command, options: ProgramOptions): void {
  const image = program.command('image').description('images at registries: look at them, compare, copy, verify').helpCommand(false);
  addInspect(image, options);
  addCopy(image, options);
  addDiff(image, options);
  addVerify(image, options);
}

type RegistryFlags = { readonly registries?: string; readonly plainHttp: readonly string[]; readonly caFile?: string };

const each = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** Adds how registries are reached. */
const withRegistries = (command: Command): Command =>
  command
    .addOption(new Option('--registries <file>', 'registries.yaml: how hosts are reached, with which passwords').env('WAYBILL_REGISTRIES'))
    .addOption(
      new Option('--plain-http <host>', 'speak to this host without TLS; those of this machine are anyway')
        .argParser(each)
        .default([], 'none'),
    )
    .option('--ca-file <file>', 'PEM file of the authority that signed for hosts that registries.yaml does not know');

/** What every command needs, and what is closed when it ends. */
type Loaded = {
  readonly parseReference: (text: string) => Reference;
  readonly forHost: OpenRegistries['forHost'];
  readonly signal: AbortSignal;
};

/** Loads what all of them need when one of them runs, and says in the words of the command line what a registry had against it. */
async function withImages(
  flags: RegistryFlags,
  { env, onExit }: ProgramOptions,
  use: (loaded: Loaded) => Promise<ExitCode>,
): Promise<void> {
  const { parseReference } = await import('@waybill/oci');
  const { openRegistries } = await import('../image/open-registries.ts');
  const { asCliError } = await import('../image/failure.ts');
  const { untilInterrupted } = await import('../interrupt.ts');
  const { plainHttp, caFile, registries: registriesPath } = flags;
  const registries = await openRegistries({ registriesPath, plainHttp, caFile, env });
  try {
    onExit(await untilInterrupted((signal) => use({ parseReference, forHost: registries.forHost, signal })));
  } catch (error) {
    throw asCliError(error);
  } finally {
    await registries.close();
  }
}

const referenceText = '[host/]repository[:tag][@digest]';

function addInspect(image: Command, options: ProgramOptions): void {
  type Flags = RegistryFlags & { readonly platform?: string; readonly raw: boolean; readonly referrers: boolean };
  withRegistries(image.command('inspect'))
    .description('show what an image is: platforms, layers, how it is run, and what refers to it')
    .argument('<image>', referenceText)
    .option('--platform <platform>', 'of this platform alone: os/architecture[/variant]')
    .option('--raw', 'the bytes of the manifest, exactly', false)
    .option('--no-referrers', 'leave out signatures, SBOMs and attestations')
    .addHelpText('after', examples(inspectExamples))
    .action(async (name: string, { platform, raw, referrers, ...flags }: Flags, command: Command) => {
      const { inspect } = await import('./image-inspect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      await withImages(flags, options, ({ parseReference, forHost, signal }) => {
        const image = parseReference(name);
        return inspect({ output, image, platform, raw, referrers, signal }, forHost(image.host), options.console);
      });
    });
}

const inspectExamples = [
  'waybill image inspect docker.io/library/alpine:3',
  'waybill image inspect registry.example/team/app:1.0 --platform linux/arm64',
  'waybill image inspect registry.example/team/app:1.0 -o json',
  'waybill image inspect registry.example/team/app:1.0 --raw | sha256sum',
];

type CopyFlags = RegistryFlags & {
  readonly platform: readonly string[];
  readonly referrers: boolean;
  readonly verify: 'head' | 'read';
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly fromFile?: string;
  readonly allTags: boolean;
  readonly concurrency: number;
};

function addCopy(image: Command, options: ProgramOptions): void {
  withRegistries(image.command('copy'))
    .description('copy an image with its platforms, signatures and SBOMs, and check it at the target; the tag comes last')
    .argument('[from]', referenceText)
    .argument('[to]', '[host/]repository[:tag]')
    .addOption(platformsOption('of this platform alone; can be said again. Of several a new index is made'))
    .option('--no-referrers', 'leave out signatures, SBOMs and attestations')
    .addOption(howOption('--verify <how>', 'how the copy is checked'))
    .option('--dry-run', 'say what would be sent, and send nothing', false)
    .option('--from-file <file>', 'copy the pairs of a file, a source and a target per line; - is standard input')
    .option('--all-tags', 'copy every tag: from and to are repositories', false)
    .option('--concurrency <images>', 'images under way at the same time', integer(1, 64), 4)
    .option('-q, --quiet', 'no progress', false)
    .addHelpText('after', examples(copyExamples))
    .action(async (from: string | undefined, to: string | undefined, flags: CopyFlags, command: Command) => {
      const { fromFile, allTags, platform, referrers, verify, dryRun, quiet, concurrency } = flags;
      const isWrong = fromFile === undefined ? to === undefined : from !== undefined || allTags;
      if (isWrong) command.error('error: say a source and a target, or --from-file alone');
      const asked: AskedPairs =
        fromFile === undefined ? { kind: allTags ? 'all-tags' : 'one', from: from!, to: to! } : { kind: 'file', path: fromFile };
      const { setFlagsFromString } = await import('node:v8');
      // What comes from a socket lies outside of the heap: collected seldom, it takes 50 MiB more, and a third more processor time.
      setFlagsFromString('--semi-space-growth-factor=1');
      const { copy } = await import('./image-copy.ts');
      const { createCopier } = await import('@waybill/oci');
      const { readPairs } = await import('../image/copy-pairs.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const how = {
        output,
        isBulk: asked.kind !== 'one',
        platforms: platform,
        referrers,
        verify,
        dryRun,
        quiet,
      };
      await withImages(flags, options, async ({ forHost, signal }) => {
        const pairs = await readPairs(asked, forHost, signal);
        return copy({ ...how, pairs, signal }, { copier: createCopier({ imagesAtOnceMax: concurrency }), forHost }, options.console);
      });
    });
}

const platformsOption = (text: string): Option => new Option('--platform <platform>', text).argParser(each).default([], 'all');
const howOption = (flags: string, text: string): Option =>
  new Option(flags, `${text}: head (manifests read, blobs by size) or read (every byte)`).choices(['head', 'read']).default('head');

const copyExamples = [
  'waybill image copy docker.io/library/alpine:3 registry.example/mirror/alpine:3',
  'waybill image copy a.example/app:1.0 b.example/app:1.0 --platform linux/amd64 --verify read',
  'waybill image copy a.example/app:1.0 b.example/app:1.0 --dry-run',
  'waybill image copy --from-file images.txt --concurrency 8 -o json',
  'waybill image copy --all-tags a.example/team/app b.example/team/app',
];

function addDiff(image: Command, options: ProgramOptions): void {
  type Flags = RegistryFlags & { readonly platform?: string; readonly referrers: boolean };
  withRegistries(image.command('diff'))
    .description('say what is another in a second image, or in the same one elsewhere; exit 1 where they differ')
    .argument('<a>', referenceText)
    .argument('<b>', referenceText)
    .option('--platform <platform>', 'compare the images of this platform alone')
    .option('--no-referrers', 'leave out signatures, SBOMs and attestations')
    .addHelpText('after', examples(diffExamples))
    .action(async (a: string, b: string, { platform, referrers, ...flags }: Flags, command: Command) => {
      const { diff } = await import('./image-diff.ts');
      const { output } = command.optsWithGlobals<Globals>();
      await withImages(flags, options, ({ parseReference, forHost, signal }) =>
        diff({ output, a: parseReference(a), b: parseReference(b), platform, referrers, signal }, forHost, options.console),
      );
    });
}

const diffExamples = [
  'waybill image diff registry.example/team/app:1.0 registry.example/team/app:1.1',
  'waybill image diff a.example/app:1.0 b.example/app:1.0 && echo the same, with its signatures',
  'waybill image diff a.example/app:1.0 a.example/app:1.1 --platform linux/arm64 -o json',
];

function addVerify(image: Command, options: ProgramOptions): void {
  type Flags = RegistryFlags & { readonly platform: readonly string[]; readonly referrers: boolean; readonly read: boolean };
  withRegistries(image.command('verify'))
    .description('see that an image is whole, or that another place has all of it; exit 1 where something is missing')
    .argument('<from>', `${referenceText}; alone: this image itself`)
    .argument('[to]', referenceText)
    .addOption(platformsOption('this platform alone; can be said again'))
    .option('--read', 'read every blob and compute its digest', false)
    .option('--no-referrers', 'leave out signatures, SBOMs and attestations')
    .addHelpText('after', examples(verifyExamples))
    .action(async (first: string, second: string | undefined, { platform, referrers, read, ...flags }: Flags, command: Command) => {
      const { verify } = await import('./image-verify.ts');
      const { output } = command.optsWithGlobals<Globals>();
      await withImages(flags, options, ({ parseReference, forHost, signal }) => {
        const from = second === undefined ? undefined : parseReference(first);
        const checked = {
          from,
          image: parseReference(second ?? first),
          platforms: platform,
          referrers,
          how: read ? 'read' : 'head',
        } as const;
        return verify({ output, ...checked, signal }, forHost, options.console);
      });
    });
}

const verifyExamples = [
  'waybill image verify registry.example/team/app:1.0 --read',
  'waybill image verify a.example/app:1.0 b.example/app:1.0',
  'waybill image verify a.example/app:1.0 b.example/app:1.0 -o json',
];
