import { readFile } from 'node:fs/promises';
import { findRegistry, type Registry } from '@waybill/oci';
import type { RegistryAccess, Scanner, ScanTarget, Verdict } from '@waybill/scanners';
import { JobError, type JobAttempt } from '@waybill/stream';

export type ScanResult = Verdict & { readonly startedAtMs: number; readonly finishedAtMs: number };
export type Scan = (target: ScanTarget, attempt: JobAttempt) => Promise<ScanResult>;

/** The scanner as a job: its verdict, and when it was made. */
export const createScan =
  (scanner: Scanner): Scan =>
  async (target, { signal }) => {
    const startedAtMs = Date.now();
    const verdict = await scanner.scan(target, signal);
    return { ...verdict, startedAtMs, finishedAtMs: Date.now() };
  };

/**
 * How to reach a registry, as `registries.yaml` says. The password is read for each scan, so that a rotated one is taken at once.
 * A registry that is not there is read without credentials.
 */
export const accessIn =
  (registries: readonly Registry[]) =>
  async (host: string): Promise<RegistryAccess | undefined> => {
    const registry = findRegistry(registries, { host });
    if (registry === undefined) return undefined;
    const { plainHttp = false, apiHost, username } = registry;
    const password = await passwordOf(registry);
    return {
      plainHttp,
      ...(apiHost === undefined || host === 'docker.io' ? {} : { pullHost: apiHost }), // Every scanner knows Docker Hub's two names.
      ...(username === undefined || password === undefined ? {} : { username, password }),
    };
  };

async function passwordOf({ name, passwordFile }: Registry): Promise<string | undefined> {
  if (passwordFile === undefined) return undefined;
  try {
    return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    const message = `the password of registry ${name} cannot be read: see passwordFile in registries.yaml`;
    throw new JobError('REGISTRY_UNAUTHORIZED', message, { retry: true, cause });
  }
}
