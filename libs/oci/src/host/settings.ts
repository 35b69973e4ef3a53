import { Type, type Static } from 'typebox';

const host = { pattern: '^[a-z0-9\\[][a-z0-9.:\\]-]*$', maxLength: 255 } as const;

const file = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));
const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }));
const kind = <K extends string>(name: K, description: string) => Type.Literal(name, { description });
const closed = { additionalProperties: false } as const;

/** Where the credentials of a registry come from, other than a user name with a password's file. */
export const CredentialSettings = Type.Union([
  Type.Object(
    {
      kind: kind('docker', 'What `docker login` or `podman login` left.'),
      configFile: file('Default: config.json in DOCKER_CONFIG, else in ~/.docker.'),
    },
    closed,
  ),
  Type.Object(
    {
      kind: kind('helper', 'A docker credential helper on the PATH.'),
      helper: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', description: 'ecr-login for docker-credential-ecr-login.' }),
    },
    closed,
  ),
  Type.Object({ kind: kind('ecr', 'AWS ECR.'), region: text('Needed where the host is not one of ECR itself.') }, closed),
  Type.Object(
    {
      kind: kind('gar', 'Google Artifact Registry.'),
      keyFile: file('JSON key of a service account. Default: the identity of the machine.'),
    },
    closed,
  ),
  Type.Object(
    {
      kind: kind('acr', 'Azure Container Registry.'),
      tenantId: text('Default: AZURE_TENANT_ID.'),
      clientId: text('Default: AZURE_CLIENT_ID.'),
      clientSecretFile: file('Default: AZURE_FEDERATED_TOKEN_FILE, else the managed identity of the machine.'),
    },
    closed,
  ),
]);
export type CredentialSettings = Static<typeof CredentialSettings>;

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
    credentials: Type.Optional(CredentialSettings),
    authHost: Type.Optional(Type.String({ ...host, description: 'The only host whose token realm may have the password.' })),
    caFile: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the authority that signed its certificate.' })),
    certFile: Type.Optional(
      Type.String({ minLength: 1, description: 'PEM file of our own certificate, for a registry that asks for one; needs keyFile.' }),
    ),
    keyFile: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of its private key.' })),
    connectionsMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        default: 16,
        description: 'Requests at the same time, per process; uploads of large blobs come beside.',
      }),
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
  const twoCredentials = registries
    .filter(({ username, credentials }) => username !== undefined && credentials !== undefined)
    .map(({ name }) => `registry ${name}: it has a username and credentials; one of them is enough`);
  const halfCertificate = registries
    .filter(({ certFile, keyFile }) => (certFile === undefined) !== (keyFile === undefined))
    .map(({ name }) => `registry ${name}: certFile and keyFile need each other`);
  const noHost = registries
    .filter((registry) => !URL.canParse(`https://${registry.apiHost ?? registry.host}`))
    .map(({ name }) => `registry ${name}: host or apiHost is no host[:port]`);
  return [...twice('name'), ...twice('host'), ...halfCredentials, ...twoCredentials, ...halfCertificate, ...noHost];
}
