import { readFile } from 'node:fs/promises';
import { OciError } from '../host/errors.ts';
import type { Registry } from '../host/settings.ts';

/**
 * `Basic` header of the registry's user, or undefined for an anonymous one. The file is read each time, so that a rotated
 * password is taken without a restart.
 * @throws OciError `REGISTRY_UNAUTHORIZED` when the file cannot be read
 */
export async function findBasicHeader(registry: Registry): Promise<string | undefined> {
  const { username, passwordFile } = registry;
  if (username === undefined || passwordFile === undefined) return undefined;
  try {
    const password = (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    const message = `the password of registry ${registry.name} cannot be read (${reason}): see passwordFile in registries.yaml`;
    throw new OciError('REGISTRY_UNAUTHORIZED', message, { host: registry.host, repository: '' });
  }
}
