// A log of policies in memory, and a folder to publish from.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Event, Topic } from '@waybill/domain';
import { encodeEvent, type EventLog } from '@waybill/stream';
import { jsonCodec, MemoryLog } from '@waybill/stream/testing';
import { applyPolicies, type PolicyApplyOptions } from '../commands/policy-apply.ts';
import { fakeConsole } from '../console.fixture.ts';
import { createVault } from './vault.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-policies-'));
after(() => rmSync(root, { recursive: true }));

let foldersCount = 0;
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(root, `${(foldersCount += 1)}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.yaml`), text);
  return folder;
}

/** A policy that lets images below `demo` go with a scan not older than this. */
export const policy = (name: string, withinHours: number, repositories = `${name}/**`): string =>
  [
    'apiVersion: waybill/v1',
    'kind: ReplicationPolicy',
    `metadata: { name: ${name} }`,
    'spec:',
    `  match: { repositories: ['${repositories}'] }`,
    '  require:',
    '    scan:',
    `      withinHours: ${withinHours}`,
    '      worstSeverity: high',
    '  replicate: [{ registry: b }]',
    '',
  ].join('\n');

export function startLog() {
  const memory = new MemoryLog();
  const log = memory.port();
  const apply = async (files: Readonly<Record<string, string>>, options: Partial<PolicyApplyOptions> = {}, through: EventLog = log) => {
    const said = fakeConsole();
    const defaults = {
      output: 'table',
      retireMissing: false,
      author: 'ann',
      reason: 'because',
      base: undefined,
      vault: createVault(undefined),
    } as const;
    const source = { folder: folderOf(files), registriesPath: undefined, env: {} };
    const code = await applyPolicies({ ...defaults, ...source, ...options }, through, jsonCodec, said.console);
    return { code, out: said.out(), err: said.err() };
  };
  const append = (topic: Topic, key: string, event: Event): void =>
    memory.append(encodeEvent(jsonCodec, { topic, partition: 0, key }, event));
  return { memory, log, apply, append };
}
