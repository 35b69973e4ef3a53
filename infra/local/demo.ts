import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRegistryClient } from '@waybill/oci';
import { pushIndex, randomImage, writeIndexLayout } from '@waybill/testing';
import { execa } from 'execa';
import { findPlan, findSupervisor } from './home.ts';
import { homeDir, repositoryRoot } from './paths.ts';
import type { Addresses } from './plan.ts';
import { findProgram } from './tools.ts';

const finalMsMax = 90_000;
const waybillPath = join(repositoryRoot, 'node_modules/.bin/waybill');

/** `npm run demo`: pushes an index of two platforms into registry A, as anybody would, and shows what became of it. */
const home = homeDir();
const plan = findPlan(home);
if (plan === undefined || findSupervisor(home) === undefined) fail('Waybill does not run here. Start it first:\n\n  npm start');
await demo(plan.addresses, findProgram('crane'));

async function demo(addresses: Addresses, crane: string | undefined): Promise<void> {
  const name = `demo/hello:${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`;
  const [from, to] = [`${addresses.registryA}/${name}`, `${addresses.registryB}/${name}`];
  await (crane === undefined ? pushOurselves(addresses.registryA, name) : pushWithCrane(crane, from));
  await untilFinal(addresses.apiUrl, from);
  const env = { WAYBILL_API: addresses.apiUrl, KAFKA_BROKERS: addresses.brokers, SCHEMA_REGISTRY_URL: addresses.schemaRegistryUrl };
  await show('What became of it:', 'npx waybill', ['trace', from], waybillPath, env);
  if (crane !== undefined) {
    await show('In registry A:', 'crane', ['digest', from], crane);
    await show('In registry B, where policy `prod` let it go:', 'crane', ['digest', to], crane);
    await show('Is it whole there?', 'crane', ['validate', '--remote', to], crane);
  }
  await show('Is the audit trail unbroken?', 'npx waybill', ['audit', 'verify'], waybillPath, env);
}

async function pushWithCrane(crane: string, image: string): Promise<void> {
  const layout = mkdtempSync(join(tmpdir(), 'waybill-demo-'));
  try {
    writeIndexLayout(layout, ['amd64', 'arm64']);
    await show('An image of two platforms is pushed into registry A:', 'crane', ['push', '--index', layout, image], crane);
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
}

async function pushOurselves(host: string, name: string): Promise<void> {
  const [repository = '', tag = ''] = name.split(':');
  console.log(
    '\nAn image of two platforms is pushed into registry A by our own client (crane is not here: it comes with Go at `npm start`).',
  );
  const client = createRegistryClient({ name: 'a', host, plainHttp: true });
  await pushIndex({ client, repository, tag }, [randomImage(), randomImage({ architecture: 'arm64' })]);
}

/** Prints the command as a user would type it, then its own output. */
async function show(what: string, word: string, args: readonly string[], program: string, env: Record<string, string> = {}): Promise<void> {
  console.log(`\n${what}\n$ ${word} ${args.join(' ')}`);
  const result = await execa(program, [...args], { cwd: repositoryRoot, env, stdio: ['ignore', 'inherit', 'inherit'], reject: false });
  if (result.exitCode !== 0) fail(`That did not work (exit code ${result.exitCode}). See \`npm run status\` and \`npm run logs\`.`);
}

async function untilFinal(apiUrl: string, image: string): Promise<void> {
  const url = `${apiUrl}/v1/trace?image=${encodeURIComponent(image)}`;
  type Journey = { readonly outcome: { readonly final: boolean }; readonly steps: readonly { readonly audit: unknown }[] };
  const deadlineMs = performance.now() + finalMsMax;
  while (performance.now() < deadlineMs) {
    const response = await fetch(url).catch(() => undefined);
    const journey = response?.ok ? ((await response.json()) as { readonly journeys: readonly Journey[] }).journeys[0] : undefined;
    if (journey?.outcome.final && journey.steps.every(({ audit }) => audit !== null)) return;
    await sleep(200);
  }
  console.log(`(not at its end after ${finalMsMax / 1_000} s; what there is so far:)`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
