import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { bearer, push, secrets } from './gateway.fixture.ts';

// Goal: memory is bounded by the settings and by nothing that senders do.
/** The process alone has about 130; reading and refusing a mebibyte each time leaves twice as much between two collections of garbage. */
const residentMibMax = 512;
const connections = 96;
const seconds = 4;

let child: ChildProcess | undefined;
after(() => child?.kill('SIGKILL'));

async function start(): Promise<number> {
  child = spawn(process.execPath, [join(import.meta.dirname, 'overload.fixture.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return Number(line.toString());
}

/** Highest resident memory of the process so far. */
const residentMib = (): number => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child!.pid}/status`, 'utf8'))?.[1]) / 1_024;

const largest = (id: string): string => {
  const text = JSON.stringify({ events: [push(id)], padding: '' });
  return text.replace('"padding":""', `"padding":"${'x'.repeat(1_048_576 - text.length)}"`);
};

describe('more than the gateway can take', () => {
  it(`of the largest bodies, over ${connections} connections, for ${seconds} s, leaves it below ${residentMibMax} MiB`, async () => {
    const url = `http://127.0.0.1:${await start()}/v1/webhooks`;
    const endUntil = performance.now() + seconds * 1_000;
    const statuses = new Map<number, number>();
    const template = largest('id-00000000');
    let count = 0;
    const sender = async (path: string, headers: Record<string, string>): Promise<void> => {
      while (performance.now() < endUntil) {
        const body = template.replace('id-00000000', `id-${String(count++).padStart(8, '0')}`);
        const response = await fetch(`${url}/${path}`, { method: 'POST', headers, body });
        await response.arrayBuffer();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      }
    };
    const senders = Array.from({ length: connections }, (_, index) =>
      index % 2 === 0 ? sender('distribution', bearer) : sender('harbor', { authorization: secrets.harbor }),
    );
    await Promise.all(senders);
    const told = `${[...statuses].map(([status, times]) => `${times} times ${status}`).join(', ')}; ${residentMib().toFixed(0)} MiB`;
    assert.ok(statuses.get(202)! > 0 && statuses.get(503)! > 0, told);
    assert.deepEqual([...statuses.keys()].sort(), [202, 503], told);
    assert.ok(residentMib() < residentMibMax, told);
  });
});
