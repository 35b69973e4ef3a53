import assert from 'node:assert/strict';
import { createRegistryClient, type RegistryClient } from '@waybill/oci';
import { startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { fakeConsole } from '../console.fixture.ts';
import { endWith } from '../ending.ts';
import type { ExitCode } from '../exit.ts';
import { createProgram } from '../program.ts';

export type Ran = {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
  readonly bytes: Buffer;
  readonly progress: readonly string[];
};
export type TwoRegistries = {
  readonly a: FakeRegistry;
  readonly b: FakeRegistry;
  readonly client: { readonly a: RegistryClient; readonly b: RegistryClient };
  /** `waybill image …`, where A and B stand for the hosts. */
  readonly image: (...args: readonly string[]) => Promise<Ran>;
  readonly close: () => Promise<void>;
};

/** Two registries in memory, and the command line over them. */
export async function startTwoRegistries(): Promise<TwoRegistries> {
  const [a, b] = await Promise.all([startFakeRegistry(), startFakeRegistry()]);
  const clientOf = (name: string, { host }: FakeRegistry): RegistryClient => createRegistryClient({ name, host, plainHttp: true });
  const client = { a: clientOf('a', a), b: clientOf('b', b) };
  return {
    ...{ a, b, client },
    image: (...args) => runImage(args.map((text) => text.replaceAll(/\bA\//g, `${a.host}/`).replaceAll(/\bB\//g, `${b.host}/`))),
    async close() {
      await Promise.all([client.a.close(), client.b.close()]);
      await Promise.all([a.close(), b.close()]);
    },
  };
}

/** As the process would end it. No configuration of this machine is read. */
async function runImage(args: readonly string[]): Promise<Ran> {
  const said = fakeConsole();
  const env = { CONFIG_DIR: '/nowhere', DOCKER_CONFIG: '/nowhere' };
  let code: ExitCode | undefined;
  try {
    await createProgram({ console: said.console, env, onExit: (exitCode) => (code = exitCode) }).parseAsync(['image', ...args], {
      from: 'user',
    });
  } catch (error) {
    code = endWith(error, said.console);
  }
  assert.ok(code !== undefined);
  return { code, out: said.out(), err: said.err(), bytes: said.bytes(), progress: said.progress() };
}
