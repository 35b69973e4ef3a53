import type { Registry } from './settings.ts';

/** What to do when a registry, or its realm, does not take who we are. */
export function credentialsAdvice({ name, username, credentials }: Registry): string {
  const entry = `registry ${name} in registries.yaml`;
  if (username !== undefined) return `check username and passwordFile of ${entry}`;
  return credentials === undefined
    ? `give ${entry} credentials`
    : `check credentials of ${entry} (${credentials.kind}), and their rights there`;
}
