import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
export type OutputFormat = 'table' | 'json';

/** Where a command writes. Results go to `out`, everything else to `err`, so that results can be piped. */
export type Console = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** What must come out byte for byte, with nothing added. */
  readonly bytes: (bytes: Uint8Array) => void;
  /** Rewrites the lines of progress, '' takes them away; on no terminal they are said again every few seconds. */
  readonly progress: (text: string) => void;
  /** Width that progress may take; null where it goes to no terminal and one line at a time is best. */
  readonly progressColumns: number | null;
  readonly style: (style: Style, text: string) => string;
  /** Width to fit: COLUMNS where that is set, else the terminal's; Infinity where nobody looks (a pipe). */
  readonly columns: number;
};

const progressIntervalMs = 2_000;

export function processConsole(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Console {
  let saidAtMs = 0;
  let linesDrawn = 0;
  /** Back to where the last text began, so that the next one is written over it. */
  const upAndClear = (): string => `${linesDrawn > 1 ? `\u001b[${linesDrawn - 1}A` : ''}\r\u001b[J`;
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    bytes: (bytes) => void stdout.write(bytes),
    get progressColumns() {
      return stderr.isTTY ? stderr.columns || 80 : null; // Terminals are made wider and narrower while something is drawn.
    },
    progress(text) {
      if (stderr.isTTY) {
        stderr.write(`${upAndClear()}${text}`);
        linesDrawn = text.split('\n').length;
        return;
      }
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
