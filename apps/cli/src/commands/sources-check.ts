import { checkSources, sourcesPathOf, type LoadedSources } from '@waybill/app-kit';
import { ConfigError, placed, type PlacedFault } from '@waybill/config';
import { adviseOn, type Endpoint } from '@waybill/webhook-sources';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import { table, type Column } from '../output/table.ts';
import { printable } from '../output/text.ts';

export type CheckOptions = {
  readonly output: OutputFormat;
  readonly configDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What should not stay so counts as wrong too. */
  readonly strict: boolean;
  readonly nowMs: number;
};

/** Says whether the gateway would take `sources.yaml` and its secret files, and what to look at before it hurts. Shows no secret. */
export function checkSourcesFile({ output, configDir, env, strict, nowMs }: CheckOptions, console: Console): ExitCode {
  const { endpoints, faults, placeOf } = readSources(configDir, env);
  const path = sourcesPathOf(configDir);
  const advice = adviseOn(endpoints, nowMs).map(({ endpoint, message }) => ({ ...placeOf(endpoint), message: `${endpoint}: ${message}` }));
  if (output === 'json') {
    console.out(JSON.stringify({ path, ok: faults.length === 0, endpoints: endpoints.map(shown), faults, advice }, null, 2));
  } else {
    const line = (fault: PlacedFault): string => printable(placed(path, fault));
    for (const fault of faults) console.err(`${console.style('red', 'wrong')}  ${line(fault)}`);
    for (const fault of advice) console.err(`${console.style('yellow', 'advice')} ${line(fault)}`);
    if (faults.length === 0) console.out(table(endpoints.map(shown), columns, console));
    if (faults.length > 0) console.err('The gateway does not start with it; one that runs goes on with what it had.');
  }
  return faults.length > 0 || (strict && advice.length > 0) ? exitCodes.no : exitCodes.done;
}

/** @throws CliError 2 where there is no file to read */
export function readSources(configDir: string, env: CheckOptions['env']): LoadedSources {
  try {
    return checkSources(configDir, env);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(exitCodes.usage, cause.message, 'Name its folder with --config or CONFIG_DIR.', { cause });
  }
}

type Shown = { readonly name: string; readonly kind: string; readonly scheme: string; readonly openedBy: readonly string[] };

const shown = ({ name, kind, auth, secrets }: Endpoint): Shown => ({ name, kind, scheme: auth.scheme, openedBy: openersOf(auth, secrets) });

function openersOf(auth: Endpoint['auth'], secrets: Endpoint['secrets']): readonly string[] {
  switch (auth.scheme) {
    case 'oidc':
      return [...(auth.emails ?? []), ...Object.entries(auth.claims).map(([name, values]) => `${name}=${values.join('|')}`)];
    case 'sns':
      return auth.topicArns;
    case 'mtls':
      return auth.names;
    case 'none':
      return ['anybody'];
    default:
      return secrets.map(({ id, notAfterMs }) =>
        notAfterMs === null ? id : `${id} until ${new Date(notAfterMs).toISOString().slice(0, 16)}Z`,
      );
  }
}

const columns: readonly Column<Shown>[] = [
  { title: 'ENDPOINT', cell: ({ name }) => name },
  { title: 'SOURCE', cell: ({ kind }) => kind },
  { title: 'SCHEME', cell: ({ scheme }) => scheme },
  { title: 'OPENED BY', cell: ({ openedBy }) => openedBy.join(', '), flexible: 'wrap' },
];
