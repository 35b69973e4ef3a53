import type { Command } from 'commander';
import { examples, type Globals, type ProgramOptions } from '../command-line.ts';
import { integer } from '../options.ts';

/** `waybill sources …`: who may send, and what is made of it. */
export function addSources(program: Command, options: ProgramOptions): void {
  const sources = program.command('sources').description('the kinds of senders, and what is made of what they send').helpCommand(false);
  addList(sources, options);
  addParse(sources, options);
  addCheck(sources, options);
  addSend(sources, options);
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

type ParseFlags = {
  readonly raw: boolean;
  readonly header: readonly string[];
  readonly registryHost?: string;
  readonly endpoint?: string;
  readonly config: string;
};

function addParse(sources: Command, { console, env, onExit }: ProgramOptions): void {
  sources
    .command('parse')
    .description('say what a recorded webhook becomes, with nothing running: one line of JSON per push')
    .argument('<source>', 'kind of sender, as `waybill sources list` says it')
    .argument('<file>', 'a recording with the keys headers and body, as in test/fixtures/webhooks; - is standard input')
    .option('--raw', 'the file is the body alone, byte for byte', false)
    .option('--header <line>', "with --raw: 'Name: value'; can be said again", (line: string, all: readonly string[]) => [...all, line], [])
    .option('--registry-host <host>', 'what the endpoint is configured to call the registry')
    .option('--endpoint <name>', 'under the settings of this endpoint of sources.yaml')
    .option('--config <folder>', 'of sources.yaml', env['CONFIG_DIR'] ?? 'config')
    .addHelpText('after', examples(parseExamples, parseNotes))
    .action(async (name: string, file: string, flags: ParseFlags, command: Command) => {
      if (!flags.raw && flags.header.length > 0) command.error('error: --header goes with --raw; a recording has its own');
      const { parseKind, parseSource } = await import('./sources-parse.ts');
      const { readRaw, readRecording, settingsFor } = await import('../recording.ts');
      const kind = parseKind(name);
      const recording = flags.raw ? await readRaw(file, flags.header) : await readRecording(file);
      const { endpoint, registryHost } = flags;
      const configured =
        endpoint === undefined ? {} : (await import('../deliveries/readings.ts')).settingsOfEndpoint(flags.config, env, endpoint, kind);
      const settings = settingsFor(kind, recording.settings, configured, registryHost === undefined ? {} : { registryHost });
      onExit(parseSource({ output: command.optsWithGlobals<Globals>().output, kind, settings }, recording, console));
    });
}

const parseExamples = [
  'waybill sources parse harbor test/fixtures/webhooks/harbor/push-tagged-cloudevents.json',
  'waybill sources parse distribution - < recorded.json',
  'waybill sources parse harbor recorded.json --endpoint harbor -o json',
  "waybill sources parse dockerhub body.json --raw --header 'Content-Type: application/json'",
];
const parseNotes = '\nWhat is ignored or cannot be read is said on standard error, with why; the exit code is 0 for that too.';

/** Adds where the gateway's configuration is; its own defaults. */
const withConfig = (command: Command, env: ProgramOptions['env']): Command =>
  command
    .option('--config <folder>', 'of sources.yaml', env['CONFIG_DIR'] ?? 'config')
    .option('--secrets <folder>', 'what ${SECRETS_DIR} stands for in it', env['SECRETS_DIR'] ?? '.waybill/local/secrets');

type ConfigFlags = { readonly config: string; readonly secrets: string };

function addCheck(sources: Command, { console, env, onExit }: ProgramOptions): void {
  withConfig(sources.command('check'), env)
    .description('say whether the gateway would take sources.yaml and its secret files, and what to look at before it hurts')
    .option('--strict', 'exit with 1 for advice too', false)
    .addHelpText('after', examples(checkExamples, '\nExits with 1 where the gateway would not start with it.'))
    .action(async ({ config, secrets, strict }: ConfigFlags & { strict: boolean }, command: Command) => {
      const { checkSourcesFile } = await import('./sources-check.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const options = { output, configDir: config, env: { ...env, SECRETS_DIR: secrets }, strict, nowMs: Date.now() };
      onExit(checkSourcesFile(options, console));
    });
}

const checkExamples = [
  'waybill sources check',
  'waybill sources check --config /etc/waybill --secrets /run/secrets/waybill --strict',
  'waybill sources check -o json',
];

type SendFlags = ConfigFlags & {
  readonly url: string;
  readonly count: number;
  readonly secret?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
};

function addSend(sources: Command, { console, env, onExit }: ProgramOptions): void {
  withConfig(sources.command('send'), env)
    .description("send a recorded webhook to the gateway, proved by the endpoint's own scheme and secret")
    .argument('<source>', 'endpoint in sources.yaml, or the kind of sender where it has one endpoint')
    .argument('<file>', 'a recording, or the name of one of its kind in test/fixtures/webhooks; - is standard input')
    .option('--url <url>', 'where the gateway is', env['WAYBILL_GATEWAY'] ?? 'http://127.0.0.1:28080')
    .option('--count <count>', 'so often; the gateway counts all but the first as repeats', integer(1, 1_000_000), 1)
    .option('--secret <id>', 'which of several; left out, the first that is valid')
    .option('--cert <file>', 'client certificate (PEM), for the scheme mtls')
    .option('--key <file>', 'its private key (PEM)')
    .option('--ca <file>', "CA (PEM) of the gateway's own certificate")
    .addHelpText('after', examples(sendExamples, sendNotes))
    .action(async (name: string, file: string, { config, secrets, ...flags }: SendFlags, command: Command) => {
      const { readSources } = await import('./sources-check.ts');
      const { findEndpoint, samplePath, sendSample } = await import('./sources-send.ts');
      const { readRecording } = await import('../recording.ts');
      const { endpoints, faults } = readSources(config, { ...env, SECRETS_DIR: secrets });
      if (faults.length > 0) command.error('error: sources.yaml is not as it must be; see `waybill sources check`');
      const { cert, key, ca, url, count, secret: secretId } = flags;
      const tls = { ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) };
      const { output } = command.optsWithGlobals<Globals>();
      const options = { output, url, count, secretId, tls, nowMs: Date.now };
      const endpoint = findEndpoint(endpoints, name);
      onExit(await sendSample(endpoint, await readRecording(samplePath(endpoint.kind, file)), options, console));
    });
}

const sendExamples = [
  'waybill sources send harbor push-tagged-cloudevents',
  'waybill sources send dockerhub recorded.json --url https://waybill.example --secret next',
  'waybill sources send zot recorded.json --cert robot.pem --key robot.key --ca gateway-ca.pem',
];
const sendNotes = '\nTokens (oidc) and messages of SNS can be signed by their senders only; it says then how to see them work.';
