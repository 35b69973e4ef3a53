import { open } from 'node:fs/promises';
import { misconfigured, reasonOf } from './credentials.ts';

const secretBytesMax = 1_048_576;

/**
 * A secret's file, without a newline at its end. Read each time, so that a rotated secret is taken without a restart.
 * @param setting for the message: `passwordFile of registry a`
 * @throws OciError `REGISTRY_UNAUTHORIZED`, which names neither the path nor the content
 */
export async function readSecretFile(path: string, setting: string, host: string): Promise<string> {
  try {
    await using file = await open(path);
    const buffer = Buffer.alloc(secretBytesMax + 1);
    let bytesRead = 0;
    for (;;) {
      const read = await file.read(buffer, bytesRead, buffer.byteLength - bytesRead);
      bytesRead += read.bytesRead;
      if (read.bytesRead === 0 || bytesRead === buffer.byteLength) break;
    }
    if (bytesRead > secretBytesMax) throw Object.assign(new Error(), { code: 'more than 1 MiB' });
    return buffer.toString('utf8', 0, bytesRead).replace(/\r?\n$/, '');
  } catch (error) {
    throw misconfigured(host, `${setting} in registries.yaml cannot be read (${reasonOf(error)})`);
  }
}
