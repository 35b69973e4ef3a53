import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSecretScheme, prove, type Endpoint, type Proof } from '@waybill/webhook-sources';
import { Agent, request } from 'undici';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import { printable } from '../output/text.ts';
import type { Recording } from '../recording.ts';

export type SendOptions = {
  readonly output: OutputFormat;
  /** Where the gateway is, without a path. */
  readonly url: string;
  readonly count: number;
  /** Which of several; left out, the first that is valid. */
  readonly secretId: string | undefined;
  readonly tls: { readonly cert?: string; readonly key?: string; readonly ca?: string };
  readonly nowMs: () => number;
};

const timeoutMs = 15_000;
/** Of the recording's own way: they were made for another body, secret or connection. */
const ownHeaders =
  /^(?:host|connection|keep-alive|content-length|.+-encoding|expect|webhook-(?:id|timestamp))$|auth|signature|secret|token/;

/**
 * Sends a recorded request to an endpoint as its sender would: with the endpoint's own scheme and secret.
 * @throws CliError 2 for a scheme of which only the sender holds the key; 3 where the gateway is not there
 */
export async function sendSample(endpoint: Endpoint, recording: Recording, options: SendOptions, console: Console): Promise<ExitCode> {
  const proof = proofFor(endpoint, recording, options);
  const headers = { ...Object.fromEntries(Object.entries(recording.headers).filter(([name]) => !ownHeaders.test(name))), ...proof.headers };
  const url = `${options.url.replace(/\/+$/, '')}/v1/webhooks/${endpoint.name}`;
  const dispatcher = new Agent({ connect: tlsOf(options.tls) });
  const answers: { readonly status: number; readonly body: unknown }[] = [];
  try {
    for (let sent = 0; sent < options.count; sent++) {
      const answer = await send(`${url}${proof.urlEnd}`, { method: recording.method, headers, body: recording.body, dispatcher });
      answers.push(answer);
      if (options.output === 'table') console.out(printable(`${answer.status} ${JSON.stringify(answer.body)}`));
    }
  } finally {
    await dispatcher.close();
  }
  if (options.output === 'json') console.out(JSON.stringify({ endpoint: endpoint.name, url, answers }, null, 2));
  const refused = answers.filter(({ status }) => status < 200 || status > 299).length;
  if (refused === 0) return exitCodes.done;
  console.err(
    `${refused} of ${answers.length} refused. Does the gateway read the same sources.yaml? See docs/registries/${endpoint.kind}.md.`,
  );
  return exitCodes.no;
}

type Request = { readonly method: string; readonly headers: Record<string, string>; readonly body: Buffer; readonly dispatcher: Agent };

async function send(
  url: string,
  { method, headers, body, dispatcher }: Request,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const bounds = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  try {
    const answer = await request(url, { method: method === 'OPTIONS' ? method : 'POST', headers, body, dispatcher, ...bounds });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: findJson(text) ?? text };
  } catch (cause) {
    const why = (cause as { readonly code?: string }).code ?? 'no answer'; // The message may quote the URL, which may hold a secret.
    throw new CliError(
      exitCodes.unreachable,
      `the gateway at ${new URL(url).origin} cannot be reached: ${why}`,
      'Start it, or name it with --url.',
    );
  }
}

/** How to see an endpoint work whose proof cannot be made here. */
const proofOfOthers = {
  oidc: 'Only the provider can sign its tokens. Let it push: publish to the topic (gcloud pubsub topics publish), or push an image.',
  sns: 'Only SNS can sign its messages. Publish to the topic: aws sns publish --topic-arn … --message file://…, or push an image.',
} as const;

function proofFor({ name, auth, secrets }: Endpoint, { headers, body }: Recording, { secretId, nowMs, tls }: SendOptions): Proof {
  if (auth.scheme === 'oidc' || auth.scheme === 'sns')
    throw new CliError(exitCodes.usage, `${name} is proved by ${auth.scheme}, which cannot be made here`, proofOfOthers[auth.scheme]);
  if (auth.scheme === 'mtls' && (tls.cert === undefined || tls.key === undefined))
    throw new CliError(
      exitCodes.usage,
      `${name} asks for a client certificate`,
      'Add --cert and --key, and --ca where the gateway has a CA of its own.',
    );
  if (!isSecretScheme(auth)) return { headers: {}, urlEnd: '' };
  const isWanted = ({ id, notAfterMs }: Endpoint['secrets'][number]): boolean =>
    secretId === undefined ? notAfterMs === null || notAfterMs > nowMs() : id === secretId;
  const secret = secrets.find(isWanted);
  if (secret === undefined) {
    const ids = secrets.map(({ id }) => id).join(', ');
    throw new CliError(
      exitCodes.usage,
      `${name} has no ${secretId === undefined ? 'valid secret' : `secret ${secretId}`}`,
      `It has ${ids}.`,
    );
  }
  return prove(auth, secret.value, { id: randomUUID(), contentType: headers['content-type'] ?? '', body, nowMs: nowMs() });
}

const samples = join(import.meta.dirname, '../../../../test/fixtures/webhooks');

/** The file itself, or the sample of that name that comes with Waybill for the kind of sender. */
export function samplePath(kind: string, name: string): string {
  const sample = join(samples, kind, `${name}.json`);
  return /^[A-Za-z0-9_.-]+$/.test(name) && !existsSync(name) && existsSync(sample) ? sample : name;
}

/** The endpoint of a name, or the only one of a kind. @throws CliError 2 */
export function findEndpoint(endpoints: readonly Endpoint[], name: string): Endpoint {
  const named = endpoints.find((endpoint) => endpoint.name === name);
  const ofKind = endpoints.filter(({ kind }) => kind === name);
  const found = named ?? (ofKind.length === 1 ? ofKind[0] : undefined);
  if (found !== undefined) return found;
  const all = endpoints.map((endpoint) => endpoint.name).join(', ');
  const why =
    ofKind.length > 1 ? `there are ${ofKind.length} endpoints for ${name}` : `sources.yaml has no endpoint ${JSON.stringify(name)}`;
  throw new CliError(exitCodes.usage, why, `It has ${all}.`);
}

function tlsOf({ cert, key, ca }: SendOptions['tls']): Record<string, Buffer> {
  const read = (name: string, path: string | undefined): Record<string, Buffer> => {
    if (path === undefined) return {};
    try {
      return { [name]: readFileSync(path) };
    } catch (cause) {
      throw new CliError(exitCodes.usage, `${path} cannot be read`, `Name a PEM file with --${name}.`, { cause });
    }
  };
  return { ...read('cert', cert), ...read('key', key), ...read('ca', ca) };
}

function findJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
