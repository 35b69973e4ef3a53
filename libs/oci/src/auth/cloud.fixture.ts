import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export type CloudCall = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly form: Readonly<Record<string, string>>;
};
export type CloudAnswer = string | object | number;

/** An endpoint of a cloud on loopback, which answers by path: an object as JSON, a text as it is, a number as a status. */
export async function startCloud(test: TestContext, answers: Readonly<Record<string, (call: CloudCall) => CloudAnswer>>) {
  const calls: CloudCall[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const call = {
      ...{ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body },
      form: Object.fromEntries(new URLSearchParams(body)),
    };
    calls.push(call);
    const answer = answers[call.path.split('?')[0]!]?.(call) ?? 404;
    const text = typeof answer === 'object' ? JSON.stringify(answer) : String(answer);
    response.writeHead(typeof answer === 'number' ? answer : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => (server.closeAllConnections(), server.close()));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, calls };
}

/** A folder for secrets, gone with the test. */
export function secretsFolder(test: TestContext): { readonly path: string; readonly write: (name: string, text: string) => string } {
  const path = mkdtempSync(join(tmpdir(), 'waybill-credentials-'));
  test.after(() => rmSync(path, { recursive: true }));
  const write = (name: string, text: string): string => {
    const file = join(path, name);
    writeFileSync(file, text, { mode: 0o700 });
    return file;
  };
  return { path, write };
}

export const rsaKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
