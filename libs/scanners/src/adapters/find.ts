import type { Adapter } from './adapter.ts';
import { grype } from './grype.ts';
import { osv } from './osv.ts';
import { sysdig } from './sysdig.ts';
import { templateAdapter } from './template.ts';
import { trivy } from './trivy.ts';

/** A new scanner is one file with its argv and its parser, and one word here. */
const adapters: Readonly<Record<string, Adapter>> = { osv, grype, trivy, sysdig };

/**
 * The adapter for a `SCANNER` setting: a name, or a command line with placeholders.
 * @throws Error that says what could be written instead
 */
export function findAdapter(command: string): Adapter {
  const name = command.trim();
  const known = Object.hasOwn(adapters, name) ? adapters[name] : undefined;
  if (known !== undefined) return known;
  try {
    return templateAdapter(name);
  } catch (error) {
    const choices = `${Object.keys(adapters).join(', ')}, or a command with {image}`;
    throw new Error(`SCANNER ${JSON.stringify(name)} cannot be used (${(error as Error).message}); it takes ${choices}`, { cause: error });
  }
}
