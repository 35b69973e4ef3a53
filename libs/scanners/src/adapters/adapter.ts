import type { Report } from '../report.ts';
import type { RegistryAccess, Scratch } from '../scratch.ts';

export type ScanTarget = { readonly registry: string; readonly repository: string; readonly digest: string };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What an exit code says about a valid report: `verdict` takes any, `findings` only one that found something, because the same code
 * is also used for errors. A code that is not listed is a failure, whatever was printed.
 */
export type ExitMeaning = 'verdict' | 'findings';

/** A command-line scanner: how it is called and how its report is read. Both pure. */
export type Adapter = {
  readonly name: string;
  /** An SBOM (CycloneDX JSON, by syft) is made first and lies at `scratch.sbomPath`. */
  readonly needsSbom: boolean;
  /** `env`: the app's own, for settings that a program takes only as an option; never for secrets. */
  readonly argv: (target: ScanTarget, scratch: Scratch, env: Environment) => readonly string[];
  /** `output`: the program writes to `scratch.outputPath`. */
  readonly reportFrom: 'stdout' | 'output';
  readonly exits: Readonly<Record<number, ExitMeaning>>;
  /** Beside what every scanner gets: `PATH`, `HOME`, proxies, `DOCKER_CONFIG`, `TMPDIR`. */
  readonly env: (access: RegistryAccess | undefined) => Readonly<Record<string, string>>;
  /** Names or prefixes (ending in `_`) of the variables that are passed on from the app's own environment. */
  readonly envPassed: readonly string[];
  /** Without these it cannot work at all. */
  readonly envNeeded?: readonly string[];
  /** @throws Error that says what is wrong with the report; it becomes `SCANNER_OUTPUT_INVALID` */
  readonly parse: (report: unknown) => Report;
};

/** `registry/repository@digest` */
export const imageOf = (target: ScanTarget): string => `${target.registry}/${target.repository}@${target.digest}`;
