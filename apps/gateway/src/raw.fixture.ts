import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export type Transcript = { readonly statuses: readonly number[]; readonly text: string };

/** Asked behind whatever is sent: its 404 shows that the connection was still open, and where the server took the request to end. */
const probe = 'GET /probe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

const statusesOf = (text: string): readonly number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes as they are, a probe once something is answered, and tells all answers until the connection is closed. */
export async function sendRaw(port: number, bytes: string): Promise<Transcript> {
  const socket = await open(port);
  let text = '';
  let isProbed = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    // An answer's body ends with a brace; `100 Continue` has none.
    if (isProbed || !text.endsWith('}')) return;
    isProbed = true;
    socket.write(probe);
  });
  const closed = once(socket, 'close');
  socket.write(bytes, 'latin1');
  await closed;
  return { statuses: statusesOf(text), text };
}
