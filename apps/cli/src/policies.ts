import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyDocument } from '@waybill/kafka';
import { parsePolicy } from '@waybill/policy-engine';
import { parse } from 'yaml';
import { CliError, exitCodes } from './exit.ts';

/** An event must fit a Kafka message with room to spare. */
const documentBytesMax = 262_144;
const policiesMax = 10_000;

/**
 * Reads and checks all `*.yaml` of a folder, before any of them is published.
 * @throws CliError 1 with every fault of every file; 2 where there is no such folder
 */
export async function readPolicies(folder: string): Promise<readonly PolicyDocument[]> {
  const files = (await readdir(folder).catch(noFolder(folder))).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  if (files.length > policiesMax)
    throw new CliError(exitCodes.usage, `${folder} holds ${files.length} policies`, `At most ${policiesMax} can be in force.`);
  const faults: string[] = [];
  const found = new Map<string, { readonly file: string; readonly policy: PolicyDocument }>();
  for (const file of files) {
    const read = await readPolicy(join(folder, file));
    if (!read.ok) {
      faults.push(...read.faults.map((fault) => `  ${file}: ${fault}`));
      continue;
    }
    const known = found.get(read.policy.policyId);
    if (known === undefined) found.set(read.policy.policyId, { file, policy: read.policy });
    else faults.push(`  ${file}: metadata.name ${read.policy.policyId} is that of ${known.file} too`);
  }
  if (faults.length > 0)
    throw new CliError(exitCodes.no, `policies are not valid, none was published:\n${faults.join('\n')}`, `Correct them in ${folder}.`);
  return [...found.values()].map(({ policy }) => policy);
}

type Read = { readonly ok: true; readonly policy: PolicyDocument } | { readonly ok: false; readonly faults: readonly string[] };

async function readPolicy(path: string): Promise<Read> {
  const { size } = await stat(path);
  if (size > documentBytesMax) return { ok: false, faults: [`${size} bytes are over the limit of ${documentBytesMax}`] };
  const document = await readFile(path, 'utf8');
  try {
    const parsed = parsePolicy(parse(document) as unknown);
    if (!parsed.ok) return parsed;
    const documentSha256 = createHash('sha256').update(document).digest('hex');
    return { ok: true, policy: { policyId: parsed.policy.id, document, documentSha256 } };
  } catch (error) {
    return { ok: false, faults: [`no YAML: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`] };
  }
}

const noFolder =
  (folder: string) =>
  (cause: unknown): never => {
    throw new CliError(
      exitCodes.usage,
      `${folder} cannot be read`,
      'Say where the policies are with --policies, or leave them as they are with --no-policies.',
      { cause },
    );
  };
