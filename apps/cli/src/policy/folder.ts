import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readYaml, type Place } from '@waybill/config';
import { parseDocument, type Document } from '@waybill/policy-engine';
import { CliError, exitCodes } from '../exit.ts';

/** An event must fit a Kafka message with room to spare. */
const documentBytesMax = 262_144;
const policiesMax = 10_000;

/** Cases lie beside the policies that they are about, and are none. */
export const isCaseFile = (name: string): boolean => /\.test\.ya?ml$/.test(name);
const isPolicyFile = (name: string): boolean => /\.ya?ml$/.test(name) && !isCaseFile(name);

/** What is wrong with a file of a folder, and where; lines and columns from 1. */
export type FileFault = Place & { readonly file: string; readonly message: string };

/** A document as its author wrote it, and the SHA-256 of that in hex. */
export type PolicyText = { readonly policyId: string; readonly document: string; readonly documentSha256: string };

/** A valid document, and the file that it is in. */
export type PolicyFile = {
  readonly file: string;
  readonly document: Document;
  readonly text: PolicyText;
  /** Where a dotted path of the document stands, or the nearest above it. */
  readonly placeOf: (path: string) => Place;
};

export type PolicyFolder = { readonly files: readonly PolicyFile[]; readonly faults: readonly FileFault[] };

/**
 * Reads and checks all `*.yaml` of a folder but `*.test.yaml`. A fault in one hides none of another.
 * @throws CliError 2 where there is no such folder, or too much in it
 */
export async function readPolicyFolder(folder: string): Promise<PolicyFolder> {
  const names = (await readdir(folder).catch(noFolder(folder))).filter(isPolicyFile).toSorted();
  if (names.length > policiesMax)
    throw new CliError(exitCodes.usage, `${folder} holds ${names.length} policies`, `At most ${policiesMax} can be in force.`);
  const faults: FileFault[] = [];
  const found = new Map<string, PolicyFile>();
  for (const file of names) {
    const read = await readPolicy(folder, file);
    if ('faults' in read) {
      faults.push(...read.faults);
      continue;
    }
    const { id } = read.document;
    const known = found.get(id);
    if (known === undefined) found.set(id, read);
    else faults.push({ file, ...read.placeOf('metadata.name'), message: `metadata.name ${id} is that of ${known.file} too` });
  }
  return { files: [...found.values()], faults };
}

type Read = PolicyFile | { readonly faults: readonly FileFault[] };

async function readPolicy(folder: string, file: string): Promise<Read> {
  const path = join(folder, file);
  const { size } = await stat(path);
  const start: Place = { line: 1, column: 1 };
  if (size > documentBytesMax) return { faults: [{ file, ...start, message: `${size} bytes are over the limit of ${documentBytesMax}` }] };
  return parsePolicyText(file, await readFile(path, 'utf8'));
}

/** @param file Where the text is from */
export function parsePolicyText(file: string, text: string): Read {
  const read = readYaml(text);
  if (!read.ok) return { faults: read.faults.map((fault) => ({ file, ...fault })) };
  const placeOf = (dotted: string): Place => read.placeOf(pathIn(read.value, dotted));
  const parsed = parseDocument(read.value);
  if (!parsed.ok) return { faults: parsed.faults.map((message) => ({ file, ...placeOf(message.split(' ')[0]!), message })) };
  const documentSha256 = createHash('sha256').update(text).digest('hex');
  const { document } = parsed;
  return { file, document, text: { policyId: document.id, document: text, documentSha256 }, placeOf };
}

/** Keys may hold dots themselves, as labels do: of the keys that are there, the longest that fits. */
function pathIn(value: unknown, dotted: string): readonly (string | number)[] {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Object.keys(value).filter((key) => dotted === key || dotted.startsWith(`${key}.`));
  const key = keys.toSorted((a, b) => b.length - a.length)[0];
  if (key === undefined) return [];
  const rest = pathIn((value as Readonly<Record<string, unknown>>)[key], dotted.slice(key.length + 1));
  return [Array.isArray(value) ? Number(key) : key, ...rest];
}

const logPrefix = 'log:';
/** In place of a file, for a policy that is in the log alone. */
export const fileInLog = (policyId: string): string => `${logPrefix}${policyId}`;

/** `<file>:<line>:<column> <what>`: terminals and editors make a link of it. */
export const placedInFile = (folder: string, { file, line, column, message }: FileFault): string =>
  `${file.startsWith(logPrefix) ? file : join(folder, file)}:${line}:${column} ${message}`;

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
