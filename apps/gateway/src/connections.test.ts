import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as soon } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createConnections } from './connections.ts';

describe('a connection that waits for its next request', () => {
  it('holds nothing of the last one', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const server = createServer();
    createConnections(() => undefined).attach(server, () => undefined);
    const answered: WeakRef<ServerResponse>[] = [];
    server.on('request', (_request, response: ServerResponse) => {
      answered.push(new WeakRef(response));
      response.end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const asked = request({ agent, port: (server.address() as AddressInfo).port }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'close');

    const areHeld = (): boolean => answered.some((response) => response.deref() !== undefined);
    for (let turn = 0; turn < 20 && (turn === 0 || areHeld()); turn++) {
      await soon();
      collect();
    }
    const connections = Object.values(agent.freeSockets).flat().length;
    agent.destroy();
    server.close();
    assert.deepEqual({ connections, isHeld: areHeld() }, { connections: 1, isHeld: false });
  });
});
