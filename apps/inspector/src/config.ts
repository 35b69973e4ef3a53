import { Type, type Static } from 'typebox';

export const InspectorConfig = Type.Object({
  INSPECT_TIMEOUT_MS: Type.Integer({ minimum: 100, maximum: 600_000, default: 60_000, description: 'For one try of one image.' }),
  INSPECT_CONCURRENCY: Type.Integer({
    minimum: 1,
    maximum: 256,
    default: 16,
    description: 'Images read at the same time in this process.',
  }),
  INSPECT_PER_REGISTRY: Type.Integer({ minimum: 1, maximum: 256, default: 8, description: 'Of these, from one registry.' }),
  INSPECT_ATTEMPTS_MAX: Type.Integer({ minimum: 1, maximum: 50, default: 8, description: 'Tries before an inspection has failed.' }),
  SIGNATURE_KEYS_DIR: Type.String({
    default: '',
    description:
      'Folder with the public keys that signatures are verified with, each in a file `*.pub` or `*.pem`. Without it none is by a key.',
  }),
  SIGNATURE_TRUSTED_ROOT_FILE: Type.String({
    default: '',
    description:
      'The `trusted_root.json` of sigstore that identities are verified with. With neither this nor keys nobody looks at signatures.',
  }),
  CONFIG_DIR: Type.String({ minLength: 1, default: 'config', description: 'Directory with registries.yaml.' }),
});
export type InspectorConfig = Static<typeof InspectorConfig>;
