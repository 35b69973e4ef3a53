import { Type } from 'typebox';
import type { RegistryAccess, Scratch } from '../scratch.ts';
import { imageOf, type ScanTarget } from './adapter.ts';
import { shaped } from './shape.ts';

/**
 * syft reads the image from its registry, never from a local daemon, and writes CycloneDX JSON. Not with `--quiet`: its errors would
 * be silent too, while a good run prints nothing anyhow. Tried with v1.52.0; settings as `syft config` prints them.
 */
export const syftArgv = (target: ScanTarget, scratch: Scratch): readonly string[] => [
  ...['syft', 'scan', `registry:${imageOf(target)}`],
  ...['-o', `cyclonedx-json=${scratch.sbomPath}`],
];

export const syftEnv = (access: RegistryAccess | undefined): Readonly<Record<string, string>> => ({
  SYFT_CHECK_FOR_APP_UPDATE: 'false',
  SYFT_FILE_METADATA_SELECTION: 'none', // Packages are looked up; their files, tens of thousands in an OS image, would only be hashed.
  ...(access?.plainHttp ? { SYFT_REGISTRY_INSECURE_USE_HTTP: 'true' } : {}),
});

const Sbom = Type.Object({ bomFormat: Type.Literal('CycloneDX'), specVersion: Type.String() });

/** @throws Error where it is no CycloneDX document */
export const checkSbom = (document: unknown): void => void shaped(Sbom, document);
