import { Type, type Static } from 'typebox';

export const ScannerConfig = Type.Object({
  SCANNER: Type.String({
    minLength: 1,
    default: 'osv',
    description:
      'osv, grype, trivy, sysdig, or a command with {image}, {registry}, {repository}, {digest}, {sbom}, {output} and absolute paths.',
  }),
  SCANNER_TIMEOUT_MS: Type.Integer({ minimum: 100, maximum: 3_600_000, default: 600_000, description: 'For one try of one image.' }),
  SCANNER_CONCURRENCY: Type.Integer({ minimum: 1, maximum: 64, default: 2, description: 'Scans at the same time in this process.' }),
  SCANNER_ATTEMPTS_MAX: Type.Integer({ minimum: 1, maximum: 20, default: 4, description: 'Tries before a scan has failed.' }),
  SCANNER_VERDICT_AGE_MS_MAX: Type.Integer({
    minimum: 1,
    default: 43_200_000,
    description: 'A request for a digest with an older verdict scans it anew; keep it below what policies ask for.',
  }),
  SCANNER_ENV: Type.String({
    default: '',
    description: 'Further variables for the scanner, comma-separated; a name ending in _ is a prefix.',
  }),
  CONFIG_DIR: Type.String({ minLength: 1, default: 'config', description: 'Directory with registries.yaml.' }),
});
export type ScannerConfig = Static<typeof ScannerConfig>;
