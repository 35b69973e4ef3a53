/** What an image runs on, in the one way of writing it that {@link findPlatform} makes. */
export type Platform = { readonly os: string; readonly architecture: string; readonly variant: string | undefined };
/** As descriptors, configs and people write it. */
type WrittenPlatform = { readonly os: string; readonly architecture: string; readonly variant?: string | null | undefined };

const partPattern = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Understands `os/architecture[/variant]`, as in `linux/amd64` or `linux/arm/v6`. Nothing is taken from the machine this runs on: what is
 * copied is seldom for it.
 */
export function findPlatform(text: string): Platform | undefined {
  const [os, architecture, variant, ...more] = text.split('/', 4);
  const isWhole = [os, architecture, variant ?? 'none'].every((part) => part !== undefined && partPattern.test(part));
  return isWhole && more.length === 0 ? normalizePlatform({ os: os!, architecture: architecture!, variant }) : undefined;
}

/** `os/architecture[/variant]` */
export const formatPlatform = (platform: WrittenPlatform): string => {
  const { os, architecture, variant } = normalizePlatform(platform);
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
};

/** Whether something is for the platform that is wanted; what names no platform is for none. */
export function matchesPlatform(wanted: WrittenPlatform, found: WrittenPlatform | undefined): boolean {
  return found !== undefined && formatPlatform(wanted) === formatPlatform(found);
}

/** Other names of architectures, with the variant that the name itself says. */
const aliases: Readonly<Record<string, { readonly architecture: string; readonly variant?: string }>> = {
  i386: { architecture: '386', variant: '' },
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
};

/** Per architecture: variants that mean another one, '' being the one that goes without saying. */
const variants: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  amd64: { v1: '' },
  arm64: { '8': '', v8: '', 'v8.0': '', '9': 'v9', '9.0': 'v9', 'v9.0': 'v9' },
  arm: { '': 'v7', '5': 'v5', '6': 'v6', '7': 'v7', '8': 'v8' },
};

/** One spelling per platform, by the tables of github.com/containerd/platforms v1.0.0-rc.5 (database.go). */
function normalizePlatform(platform: WrittenPlatform): Platform {
  const os = platform.os.toLowerCase();
  const written = platform.architecture.toLowerCase();
  const alias = aliases[written];
  const architecture = alias?.architecture ?? written;
  const named = alias?.variant ?? platform.variant?.toLowerCase() ?? '';
  const ofArchitecture = Object.hasOwn(variants, architecture) ? variants[architecture]! : {};
  const variant = Object.hasOwn(ofArchitecture, named) ? ofArchitecture[named] : named;
  return { os: os === 'macos' ? 'darwin' : os, architecture, variant: variant || undefined };
}
