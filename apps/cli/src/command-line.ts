import { type Command, Option } from 'commander';
import type { Console, OutputFormat } from './console.ts';
import type { ExitCode } from './exit.ts';
import { list } from './options.ts';

export type ProgramOptions = {
  readonly console: Console;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called once, by the command that ran. */
  readonly onExit: (code: ExitCode) => void;
};

export type Globals = { readonly output: OutputFormat; readonly api: string };
export type LogOptions = { readonly brokers: readonly string[]; readonly registryUrl: string };

/** Adds where the log is. */
export const withLogOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--brokers <list>', 'Kafka, host:port list')
        .env('KAFKA_BROKERS')
        .default(['127.0.0.1:29092'], '127.0.0.1:29092')
        .argParser(list),
    )
    .addOption(
      new Option('--registry-url <url>', 'schema registry').env('SCHEMA_REGISTRY_URL').default('http://127.0.0.1:28081/apis/ccompat/v7'),
    );

export const examples = (lines: readonly string[], more = ''): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}${more}`;
