import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
export type OutputFormat = 'table' | 'json';

/** Where a command writes. Results go to `out`, everything else to `err`, so that results can be piped. */
export type Console = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Rewrites one line of progress; on no terminal it says it again only where it has changed much. */
  readonly progress: (text: string) => void;
  readonly style: (style: Style, text: string) => string;
  /** Width to fit: COLUMNS where that is set, else the terminal's; Infinity where nobody looks (a pipe). */
  readonly columns: number;
};

const progressIntervalMs = 2_000;

export function processConsole(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Console {
  let saidAtMs = 0;
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    progress(text) {
      if (stderr.isTTY) return void stderr.write(`\r\u001b[K${text}`);
      if (text === '' || Date.now() - saidAtMs < progressIntervalMs) return;
      saidAtMs = Date.now();
      stderr.write(`${text}\n`);
    },
    style: (style, text) => styleText(style, text, { stream: stdout }),
    columns: widthOf(stdout, env['COLUMNS']),
  };
}

/** A terminal that does not know its width says 0 or nothing. */
const widthOf = ({ isTTY, columns }: NodeJS.WriteStream, wanted = ''): number =>
  /^[1-9]\d{0,4}$/.test(wanted) ? Number(wanted) : (isTTY && columns) || Infinity;
