import type { Command } from 'commander';
import { examples, type Globals, type ProgramOptions } from '../command-line.ts';

/** `waybill sources …`: who may send, and what is made of it. */
export function addSources(program: Command, options: ProgramOptions): void {
  const sources = program.command('sources').description('the kinds of senders, and what is made of what they send').helpCommand(false);
  addList(sources, options);
  addParse(sources, options);
}

function addList(sources: Command, { console, onExit }: ProgramOptions): void {
  sources
    .command('list', { isDefault: true })
    .description('list the kinds of senders that can be read')
    .addHelpText('after', examples(['waybill sources list', 'waybill sources list -o json']))
    .action(async (_options: unknown, command: Command) => {
      const { listSources } = await import('./sources-list.ts');
      onExit(listSources({ output: command.optsWithGlobals<Globals>().output }, console));
    });
}

type ParseFlags = { readonly raw: boolean; readonly header: readonly string[]; readonly registryHost?: string };

function addParse(sources: Command, { console, onExit }: ProgramOptions): void {
  sources
    .command('parse')
    .description('say what a recorded webhook becomes, with nothing running: one line of JSON per push')
    .argument('<source>', 'kind of sender, as `waybill sources list` says it')
    .argument('<file>', 'a recording with the keys headers and body, as in test/fixtures/webhooks; - is standard input')
    .option('--raw', 'the file is the body alone, byte for byte', false)
    .option('--header <line>', "with --raw: 'Name: value'; can be said again", (line: string, all: readonly string[]) => [...all, line], [])
    .option('--registry-host <host>', 'what the endpoint is configured to call the registry')
    .addHelpText('after', examples(parseExamples, parseNotes))
    .action(async (name: string, file: string, flags: ParseFlags, command: Command) => {
      if (!flags.raw && flags.header.length > 0) command.error('error: --header goes with --raw; a recording has its own');
      const { parseKind, parseSource } = await import('./sources-parse.ts');
      const { readRaw, readRecording, settingsFor } = await import('../recording.ts');
      const kind = parseKind(name);
      const recording = flags.raw ? await readRaw(file, flags.header) : await readRecording(file);
      const { registryHost } = flags;
      const settings = settingsFor(kind, recording.settings, registryHost === undefined ? {} : { registryHost });
      onExit(parseSource({ output: command.optsWithGlobals<Globals>().output, kind, settings }, recording, console));
    });
}

const parseExamples = [
  'waybill sources parse harbor test/fixtures/webhooks/harbor/push-cloudevents.json',
  'waybill sources parse distribution - < recorded.json',
  "waybill sources parse dockerhub body.json --raw --header 'Content-Type: application/json'",
];
const parseNotes = '\nWhat is ignored or cannot be read is said on standard error, with why; the exit code is 0 for that too.';
