import type { Console } from './console.ts';

/** Keeps what a command says; styles become `<red>text</>` where wanted. */
export function fakeConsole(columns = Infinity, styled = false) {
  const said: string[] = [];
  const raw: Uint8Array[] = [];
  const progressed: string[] = [];
  const complained: string[] = [];
  const console: Console = {
    out: (text) => void said.push(text),
    err: (text) => void complained.push(text),
    bytes: (bytes) => void raw.push(bytes),
    progress: (text) => void progressed.push(text),
    progressColumns: null,
    style: (style, text) => (styled ? `<${String(style)}>${text}</>` : text),
    columns,
  };
  return {
    console,
    out: () => said.join('\n'),
    err: () => complained.join('\n'),
    bytes: () => Buffer.concat(raw),
    progress: (): readonly string[] => progressed,
  };
}
