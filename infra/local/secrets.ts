import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from './process.ts';

/** The secret in the file; made on first use: 256 random bits, base64url, mode 0600. */
export function ensureSecret(path: string): string {
  try {
    const secret = readFileSync(path, 'utf8').trim();
    if (secret !== '') return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = randomBytes(32).toString('base64url');
  writeFileAtomic(path, `${secret}\n`, 0o600);
  return secret;
}

/** Endpoints of the gateway that have a secret of their own. */
export const webhookSources = ['distribution', 'harbor', 'dockerhub'] as const;

export function ensureWebhookSecrets(secretsDir: string): Readonly<Record<(typeof webhookSources)[number], string>> {
  const secret = (source: string): string => ensureSecret(join(secretsDir, source));
  return { distribution: secret('distribution'), harbor: secret('harbor'), dockerhub: secret('dockerhub') };
}
