import type { Console } from './console.ts';

/** Keeps what a command says; styles become `<red>text</>` where wanted. */
export function fakeConsole(columns = Infinity, styled = false) {
  const said: string[] = [];
  const complained: string[] = [];
  const console: Console = {
    out: (text) => void said.push(text),
    err: (text) => void complained.push(text),
    progress: () => {},
    style: (style, text) => (styled ? `<${String(style)}>${text}</>` : text),
    columns,
  };
  return { console, out: () => said.join('\n'), err: () => complained.join('\n') };
}
