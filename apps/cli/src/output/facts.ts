import type { Console } from '../console.ts';
import { printable, wrapped } from './text.ts';

export type Fact = readonly [name: string, value: string];

const gap = '  ';
const valueWidthMin = 20;

/** Names with their values beside them; a long value goes on in the next line, so that nothing is lost. */
export function facts(rows: readonly Fact[], { columns, style }: Pick<Console, 'columns' | 'style'>): string {
  const nameWidth = rows.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  const valueWidth = Math.max(valueWidthMin, columns - nameWidth - gap.length);
  return rows
    .flatMap(([name, value]) =>
      wrapped(printable(value), valueWidth).map((line, at) => style('dim', printable(at === 0 ? name : '').padEnd(nameWidth)) + gap + line),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}
