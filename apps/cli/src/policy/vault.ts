import { createHash, randomBytes } from 'node:crypto';
import type { Environment } from '@waybill/config';
import { isSealed, openKeyRing, parseKeyRing, revealed, seal, unseal, type KeyRing, type UnwrapKey } from '@waybill/policy-engine';
import { CliError, exitCodes } from '../exit.ts';
import { fileInLog, parsePolicyText, type FileFault, type PolicyFile, type PolicyText } from './folder.ts';

/** What opens and seals confidential policies here. */
export type Vault = {
  /** A text as its author wrote it; undefined where it is sealed and does not open. */
  open(text: PolicyText): string | undefined;
  /** As {@link parsePolicyText}, of a text in the log. */
  read(text: PolicyText): PolicyFile | { readonly faults: readonly FileFault[] } | 'sealed';
  /**
   * What is published of a file: sealed, where it is sensitive. What is in force is taken as it is where it says the same under the key
   * of today, so that nothing is published again.
   * @throws CliError 2 without a key
   */
  publishable(file: PolicyFile, inForce: PolicyText | undefined): PolicyText;
};

export function createVault(keys: KeyRing | undefined): Vault {
  const open: Vault['open'] = ({ policyId, document }) => {
    if (!isSealed(document)) return document;
    const opened = unseal(document, policyId, keys);
    return opened.ok ? opened.text : undefined;
  };
  return {
    open,
    read(text) {
      const opened = open(text);
      if (opened === undefined) return 'sealed';
      const read = parsePolicyText(fileInLog(text.policyId), opened);
      if ('faults' in read || !isSealed(text.document)) return read;
      return { ...read, document: { ...revealed(read.document), documentSha256: text.documentSha256 } };
    },
    publishable({ document, text }, inForce) {
      if (document.document.metadata.sensitive !== true) return text;
      if (keys === undefined) throw keyNeeded(text.policyId);
      const { policyId } = text;
      const before = inForce && isSealed(inForce.document) ? unseal(inForce.document, policyId, keys) : undefined;
      if (before?.ok === true && before.keyId === keys.keyId && before.text === text.document)
        return { policyId, document: inForce!.document, documentSha256: inForce!.documentSha256 };
      const sealed = seal(text.document, policyId, keys, randomBytes);
      return { policyId, document: sealed, documentSha256: createHash('sha256').update(sealed).digest('hex') };
    },
  };
}

/**
 * @param path File of the keys; undefined or empty opens nothing
 * @param env POLICY_KEY_COMMAND unwraps those that lie there wrapped, as for apps/policy
 * @throws CliError 2 where it cannot be read
 */
export async function openVault(path: string | undefined, env: Environment = process.env): Promise<Vault> {
  if (path === undefined || path === '') return createVault(undefined);
  const { askKeyCommand, readBounded } = await import('@waybill/config');
  const { POLICY_KEY_COMMAND: program = '' } = env;
  try {
    const text = readBounded(path);
    const unwrap: UnwrapKey = async (id, wrapped) => askKeyCommand({ program, env }, id, wrapped);
    return createVault(program === '' ? parseKeyRing(text) : await openKeyRing(text, unwrap));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(exitCodes.usage, `${path} holds no keys of confidential policies: ${what}`, keyAdvice, { cause });
  }
}

const keyAdvice = 'Name a file of `<id> <32 bytes in base64>` with --key-file or POLICY_KEY_FILE, the one that apps/policy has.';

const keyNeeded = (policyId: string): CliError =>
  new CliError(exitCodes.usage, `${policyId} is sensitive: without a key it cannot be published`, keyAdvice);
