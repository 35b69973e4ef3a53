import { createServer, connect } from 'node:net';

/** Below Linux' and macOS' ephemeral ranges, so that no outgoing connection of a neighbour takes a port between pick and use. */
const pickedMin = 10_240;
const pickedMax = 24_999;

/** Whether nobody listens on the loopback port right now. */
export async function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether somebody accepts connections on the loopback port. */
export async function isListening(port: number, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: timeoutMs });
    const settle = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

const handedOut = new Set<number>();

/**
 * Picks `count` different free loopback ports, never one that this process was given before.
 * @throws Error when the range is exhausted, which means that something leaks listeners
 */
export async function pickPorts(count: number, random: () => number = Math.random, isFree = isPortFree): Promise<readonly number[]> {
  const picked: number[] = [];
  for (let tries = 0; picked.length < count; tries++) {
    if (tries > 1_000 + count) throw new Error(`no ${count} free ports between ${pickedMin} and ${pickedMax}: see what listens there`);
    const port = pickedMin + Math.floor(random() * (pickedMax - pickedMin + 1));
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    picked.push(port);
  }
  return picked;
}

/** The given port, or a free one for 0. */
export async function portOrFree(port: number): Promise<number> {
  if (port !== 0) return port;
  const [picked] = await pickPorts(1);
  return picked as number;
}
