import { connect } from 'node:net';
import { CliError, exitCodes } from './exit.ts';

const timeoutMs = 3_000;

/**
 * Asks whether anything listens, so that a command says at once what a client would find out after its retries.
 * @param addresses host:port list; one that answers is enough
 * @throws CliError 3 naming what does not answer and how to say where it is
 */
export async function requireListening(what: string, addresses: readonly string[], next: string): Promise<void> {
  const answers = await Promise.all(addresses.map(listens));
  if (!answers.includes(true)) throw new CliError(exitCodes.unreachable, `${what} does not answer at ${addresses.join(', ')}`, next);
}

function listens(address: string): Promise<boolean> {
  const url = URL.parse(`tcp://${address}`);
  if (url === null || url.port === '')
    throw new CliError(exitCodes.usage, `${JSON.stringify(address)} is no host:port`, 'Write it like 127.0.0.1:29092.');
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port), timeout: timeoutMs });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}

/** `host:port` of a URL, with the port that its scheme implies. */
export function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null)
    throw new CliError(exitCodes.usage, `${JSON.stringify(url)} is no URL`, 'Write it like http://127.0.0.1:28081/apis/ccompat/v7.');
  return `${parsed.hostname}:${parsed.port === '' ? (parsed.protocol === 'https:' ? 443 : 80) : parsed.port}`;
}
