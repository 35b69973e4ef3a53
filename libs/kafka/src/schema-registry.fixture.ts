import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type RegistryFixture = {
  readonly url: string;
  /** Knows a schema as the registry would if another version had registered it. @returns its id */
  add(schema: string): number;
  close(): void;
};

/** What a schema registry does for one process: ids for schemas, from 1 on, and schemas for ids. */
export async function startRegistryFixture(): Promise<RegistryFixture> {
  const schemas: string[] = [];
  const add = (schema: string): number => schemas.indexOf(schema) + 1 || schemas.push(schema);
  const answerTo = (url: string, body: string): object | undefined => {
    const [, id] = /\/schemas\/ids\/(\d+)/.exec(url) ?? [];
    if (id === undefined) return { id: add((JSON.parse(body) as { schema: string }).schema) };
    const schema = schemas[Number(id) - 1];
    return schema === undefined ? undefined : { schema };
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const answer = answerTo(request.url ?? '', body);
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { error_code: 40_403, message: 'Schema not found' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
