import { Type, type Static, type TSchema } from 'typebox';
import { sourceKinds } from '../sources/all.ts';

const header = Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$', description: 'Name of the header that holds the proof.' });
const names = (description: string, itemLengthMax = 512) =>
  Type.Array(Type.String({ minLength: 1, maxLength: itemLengthMax }), { minItems: 1, maxItems: 100, description });

const secretFiles = Type.Array(
  Type.Union([
    Type.String({ minLength: 1, description: 'Path of a file that holds the secret and nothing else.' }),
    Type.Object({
      file: Type.String({ minLength: 1, description: 'Path of a file that holds the secret and nothing else.' }),
      id: Type.Optional(
        Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$', description: 'Name in logs and metrics; left out, the name of the file.' }),
      ),
      notAfter: Type.Optional(
        Type.String({
          pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d)?(Z|[+-]\\d\\d:\\d\\d))?$',
          description: 'Day (from 00:00 UTC) or time from which it opens nothing: 2027-01-31 or 2027-01-31T12:00Z.',
        }),
      ),
    }),
  ]),
  { minItems: 1, maxItems: 8, description: 'All are valid at once, so that they can be rotated. Read again when they change.' },
);

const scheme = <N extends string>(name: N, description: string) => ({ scheme: Type.Literal(name, { description }) });
const hmac = <N extends string>(name: N, description: string) =>
  Type.Object({
    ...scheme(name, description),
    header,
    prefix: Type.String({ default: '', maxLength: 32, description: 'What stands before the digits, such as sha256=.' }),
    over: Type.Enum(['body', 'form-payload'], {
      default: 'body',
      description: 'What is signed: the body, or the field `payload` where the body is a form (Gitea).',
    }),
    secretFiles,
  });

/** https, or http to this machine alone, where tests and sidecars are. */
const keysUrl = Type.String({
  pattern: '^(https://[^/?#@\\s]+|http://(127\\.0\\.0\\.1|localhost)(:\\d+)?)(/[^\\s#]*)?$',
  maxLength: 2_048,
  default: 'https://www.googleapis.com/oauth2/v3/certs',
  description: 'Where the provider publishes its keys (JWK set).',
});

const oidc = Type.Object({
  ...scheme('oidc', "A provider's signed token in Authorization: Bearer. The defaults are Google's."),
  audience: Type.String({ minLength: 1, maxLength: 512, description: 'The `aud` that the sender is told to ask for.' }),
  issuers: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
    minItems: 1,
    maxItems: 8,
    default: ['https://accounts.google.com', 'accounts.google.com'],
    description: 'Any of them as `iss`.',
  }),
  jwksUrl: keysUrl,
  algorithm: Type.Enum(['RS256', 'ES256'], { default: 'RS256' }),
  emails: Type.Optional(names('Accounts that may send; needs emails or claims.')),
  claims: Type.Optional(
    Type.Record(Type.String({ pattern: '^[A-Za-z0-9_:./-]{1,128}$' }), names('Values of which the claim must have one.'), {
      description: 'Such as { appid: [...] } of Entra ID. Without emails or claims any account of the provider could send.',
    }),
  ),
});

const Auth = Type.Union([
  Type.Object({ ...scheme('header', "The header's whole value is the secret."), header, secretFiles }),
  Type.Object({ ...scheme('bearer', 'Authorization: Bearer <secret>.'), secretFiles }),
  Type.Object({ ...scheme('basic', 'Authorization: Basic; the file holds user:password.'), secretFiles }),
  hmac('hmac-sha256', 'HMAC-SHA256 in hexadecimal digits.'),
  hmac('hmac-sha1', 'HMAC-SHA1 in hexadecimal digits: for senders that can do no better (Nexus).'),
  Type.Object({ ...scheme('standard-webhooks', 'webhook-signature of Standard Webhooks; the file holds whsec_<base64>.'), secretFiles }),
  Type.Object({ ...scheme('url-path', 'The secret is the last part of the URL: .../<name>/<secret>.'), secretFiles }),
  Type.Object({
    ...scheme('url-query', 'The secret is a parameter of the URL.'),
    parameter: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }),
    secretFiles,
  }),
  oidc,
  Type.Object({
    ...scheme('sns', 'Signed by Amazon SNS.'),
    topicArns: names('Topics that may send; others are refused before anything is fetched.'),
    signatureVersions: Type.Array(Type.Enum(['1', '2']), {
      minItems: 1,
      maxItems: 2,
      default: ['1', '2'],
      description: "['2'] refuses SHA-1; set SignatureVersion to 2 at the topic first.",
    }),
    certificateTrust: Type.Enum(['chain', 'host'], {
      default: 'chain',
      description: 'chain: the certificate must lead to a CA of the system. host: that it came by TLS from SNS itself is enough.',
    }),
  }),
  Type.Object({
    ...scheme('mtls', 'A TLS client certificate; needs HTTP_TLS_CLIENT_CA_FILE.'),
    names: names('SANs that may send (DNS:ci.example, URI:spiffe://…), or CNs of certificates without SAN.'),
  }),
  Type.Object({
    ...scheme('none', 'Anybody may send.'),
    iKnow: Type.Literal('anybody can announce any image', {
      description: 'To be written out, so that nobody opens an endpoint by accident.',
    }),
  }),
]);

/** `config/sources.yaml` */
export const SourcesFile = Type.Object({
  sources: Type.Array(
    Type.Object({
      name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'The endpoint is POST /v1/webhooks/<name>.' }),
      kind: Type.Enum([...sourceKinds], { description: 'What sends; docs/registries has a page for each.' }),
      registryHost: Type.Optional(
        Type.String({ minLength: 1, description: 'Overrides the host that payloads name: host[:port] in lower case, without a scheme.' }),
      ),
      allowedHosts: Type.Optional(names('Registry hosts that may be spoken of; left out, any.', 255)),
      allowedRepositories: Type.Optional(
        names('Repositories that may be spoken of, each with all below it: `team` is team and team/app. Left out, any.', 255),
      ),
      allowedOrigins: Type.Optional(names('Origins that an OPTIONS request may ask for; left out, those that the kind names.', 255)),
      ownActors: Type.Optional(names('Accounts of ours: their pulls are marked.', 255)),
      untagged: Type.Optional(Type.Enum(['emit', 'ignore'], { description: 'Manifests without a tag. Default: emit.' })),
      attached: Type.Optional(Type.Enum(['emit', 'ignore'], { description: 'Signatures, SBOMs and attestations. Default: emit.' })),
      rate: Type.Optional(
        Type.Object(
          {
            perSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
            burst: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
          },
          { description: 'More requests get 429.' },
        ),
      ),
      auth: Auth,
    }),
    { minItems: 1, maxItems: 1_000 },
  ),
}) satisfies TSchema;

export type SourcesFile = Static<typeof SourcesFile>;
export type SourceEntry = SourcesFile['sources'][number];
export type AuthEntry = SourceEntry['auth'];
export type SecretFile = { readonly file: string; readonly id: string; readonly notAfterMs: number | null };
