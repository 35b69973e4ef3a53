// Prints docs/configuration.md from the schemas that check the environment: `npm run docs:configuration`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { StreamConfig } from '@waybill/app-kit';
import { configTable } from '@waybill/config';
import type { TObject } from 'typebox';
import { ApiConfig } from '../apps/api/src/config.ts';
import { GatewayConfig } from '../apps/gateway/src/config.ts';
import { InspectorConfig } from '../apps/inspector/src/config.ts';
import { PolicyConfig } from '../apps/policy/src/config.ts';
import { ReplicatorConfig } from '../apps/replicator/src/config.ts';
import { ScannerConfig } from '../apps/scanner/src/config.ts';
import { UsageConfig } from '../apps/usage/src/config.ts';

const own: readonly (readonly [title: string, schema: TObject])[] = [
  ['gateway', GatewayConfig],
  ['inspector, beside what every stream app has', InspectorConfig],
  ['scanner, beside what every stream app has', ScannerConfig],
  ['policy, beside what every stream app has', PolicyConfig],
  ['replicator, beside what every stream app has', ReplicatorConfig],
  ['usage, beside what every stream app has', UsageConfig],
  ['api', ApiConfig],
];

/** The text of the printed file. */
export function printConfiguration(): string {
  return [
    '# Configuration',
    'Printed from the schemas in `apps/*/src/config.ts` by `npm run docs:configuration`; do not edit.',
    [
      'Every app reads its environment once, at start, and lists all faults at once. Beside it there are YAML files in `CONFIG_DIR`:',
      '`sources.yaml` (who may send webhooks), `registries.yaml` (what is read and copied to) and `policies/*.yaml` (what may go where,',
      'published by `waybill deploy`). Their values may hold `${NAME}` and `${NAME:-default}`.',
      'Secrets are files that these name, never values.',
    ].join('\n'),
    `## Every stream app (dedup, inspector, scanner, policy, replicator, usage, audit)\n\n${configTable(StreamConfig)}`,
    ...own.map(([title, schema]) => `## ${title}\n\n${configTable(schema)}`),
  ]
    .join('\n\n')
    .concat('\n');
}

export const configurationPath = `${import.meta.dirname}/../docs/configuration.md`;
if (import.meta.main) writeFileSync(configurationPath, printConfiguration());
