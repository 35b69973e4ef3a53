import { Type, type Static } from 'typebox';

const host = { pattern: '^[a-z0-9\\[][a-z0-9.:\\]-]*$', maxLength: 255 } as const;

/** One registry that Waybill may read from or copy to. */
export const Registry = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'What policies call it.' }),
    host: Type.String({ ...host, description: 'Host and port as events name it, lower case, without scheme.' }),
    apiHost: Type.Optional(
      Type.String({ ...host, description: 'Where its API is reached, if elsewhere (docker.io: registry-1.docker.io; behind a proxy).' }),
    ),
    plainHttp: Type.Optional(Type.Boolean({ default: false, description: 'HTTP without TLS: for registries on this machine only.' })),
    username: Type.Optional(Type.String({ minLength: 1, description: 'User or robot account; needs passwordFile. Without: anonymous.' })),
    passwordFile: Type.Optional(
      Type.String({ minLength: 1, description: 'File with the password or access token; read anew on each login.' }),
    ),
    authHost: Type.Optional(Type.String({ ...host, description: 'The only host whose token realm may have the password.' })),
    caFile: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the authority that signed its certificate.' })),
    certFile: Type.Optional(
      Type.String({ minLength: 1, description: 'PEM file of our own certificate, for a registry that asks for one; needs keyFile.' }),
    ),
    keyFile: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of its private key.' })),
    connectionsMax: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 256, default: 16, description: 'Requests at the same time, and as many uploads; per process.' }),
    ),
    requestsPerSecondMax: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 100_000, description: 'Per process; the images under way take turns.' }),
    ),
    bytesPerSecondMax: Type.Optional(
      Type.Integer({ minimum: 1_024, description: 'Of downloads and uploads together, per process; the images under way take turns.' }),
    ),
  },
  { additionalProperties: false },
);
export type Registry = Static<typeof Registry>;

/** `config/registries.yaml` */
export const RegistriesFile = Type.Object({ registries: Type.Array(Registry, { maxItems: 1_000 }) }, { additionalProperties: false });
export type RegistriesFile = Static<typeof RegistriesFile>;

/** What the schema cannot say, one line per fault. */
export function findFaults({ registries }: RegistriesFile): readonly string[] {
  const twice = (field: 'name' | 'host') =>
    registries
      .filter((registry, index) => registries.findIndex((other) => other[field] === registry[field]) !== index)
      .map((registry) => `registry ${registry.name}: ${field} ${registry[field]} is there twice`);
  const halfCredentials = registries
    .filter(({ username, passwordFile }) => (username === undefined) !== (passwordFile === undefined))
    .map(({ name }) => `registry ${name}: username and passwordFile need each other`);
  const halfCertificate = registries
    .filter(({ certFile, keyFile }) => (certFile === undefined) !== (keyFile === undefined))
    .map(({ name }) => `registry ${name}: certFile and keyFile need each other`);
  const noHost = registries
    .filter((registry) => !URL.canParse(`https://${registry.apiHost ?? registry.host}`))
    .map(({ name }) => `registry ${name}: host or apiHost is no host[:port]`);
  return [...twice('name'), ...twice('host'), ...halfCredentials, ...halfCertificate, ...noHost];
}
