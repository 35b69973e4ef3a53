import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type RegistryFixture = {
  readonly url: string;
  /** Knows a schema as the registry would if another version had registered it. @returns its id */
  add(schema: string): number;
  /** From now on each question has this answer: a status, or none at all; `undefined` is the right one. */
  trouble: number | 'silence' | undefined;
  /** Questions so far. */
  asked: number;
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
      fixture.asked += 1;
      if (fixture.trouble === 'silence') return;
      if (fixture.trouble !== undefined) return void response.writeHead(fixture.trouble).end('{"error_code":1,"message":"no"}');
      const answer = answerTo(request.url ?? '', body);
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { error_code: 40_403, message: 'Schema not found' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fixture: RegistryFixture = {
    trouble: undefined,
    asked: 0,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return fixture;
}
