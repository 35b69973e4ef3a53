import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compileCache } from '../../infra/local/paths.ts';
import { boundedRow, medianOf, spreadOf, toldRow, type Row } from './bench.ts';
import { ensurePeerTool, waybill, type Command } from './copy-peers.ts';

export type Start = { readonly toFirstRequestMs: number };
const startMsMax = 250;
const failedMsMax = 60_000;

/** From the start of a process to its first request. It is answered that nothing is there, and so ends at once. */
async function measureStart(command: (host: string) => Command, env: NodeJS.ProcessEnv): Promise<Start> {
  const server = createServer((_request, response) => void response.writeHead(404).end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const [program, ...args] = command(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  const asked = once(server, 'request', { signal: AbortSignal.timeout(failedMsMax) });
  const startedMs = performance.now();
  const child = spawn(program!, args, { env, stdio: 'ignore' });
  try {
    await asked;
    return { toFirstRequestMs: performance.now() - startedMs };
  } finally {
    child.kill('SIGKILL');
    server.close().closeAllConnections();
  }
}

/** Of ours, after a first one that has left its compiled code behind, and of crane. */
export async function measureStarts(dir: string, runs: number, note: (variant: string, sample: Start) => void): Promise<readonly Row[]> {
  const crane = await ensurePeerTool('crane');
  const images = (host: string) => [`${host}/bench/start:v1`, `${host}/bench/copied:v1`];
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir, ...compileCache };
  const commands = {
    'waybill image copy': (host: string) => [...waybill, 'image', 'copy', '--quiet', ...images(host)],
    'crane copy': (host: string) => [crane, 'copy', ...images(host)],
  };
  const rows: Row[] = [];
  for (const [name, command] of Object.entries(commands)) {
    await measureStart(command, env);
    const samples: Start[] = [];
    for (let run = 0; run < runs; run++) {
      samples.push(await measureStart(command, env));
      note(name, samples.at(-1)!);
    }
    const [what, figures] = [`start of ${name} to its first request`, `${spreadOf(samples, 'toFirstRequestMs')} ms`];
    const ms = medianOf(samples, 'toFirstRequestMs');
    rows.push(name.startsWith('waybill') ? boundedRow(what, ms, { atMost: startMsMax }, 'ms', figures, 0) : toldRow(what, figures));
  }
  return rows;
}
