import type { Console, Style } from '../console.ts';
import { cut, printable } from './text.ts';

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
  /** Gives way first when the terminal is narrow; the one that is cut most. */
  readonly flexible?: boolean;
  readonly style?: (row: Row) => Style | undefined;
};

const gap = '  ';
const flexibleWidthMin = 12;

/** Lines that fit the console's width. The flexible column takes what the others leave; too narrow for that, lines are cut. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], { columns: width, style }: Console): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...cells.map((line) => line[at]!.length)));
  const flexible = columns.findIndex((column) => column.flexible === true);
  const total = widths.reduce((sum, each) => sum + each, 0) + gap.length * (columns.length - 1);
  if (total > width && flexible >= 0) widths[flexible] = Math.max(flexibleWidthMin, widths[flexible]! - (total - width));
  const line = (texts: readonly string[], styleOf: (at: number) => Style | undefined): string => {
    let left = width;
    const padded = texts.map((text, at) => {
      const last = at === texts.length - 1 && columns[at]!.align !== 'right';
      const fitted = cut(cut(text, widths[at]!), left);
      left -= widths[at]! + gap.length;
      const space = ' '.repeat(last ? 0 : Math.max(0, Math.min(widths[at]!, left + widths[at]! + gap.length) - fitted.length));
      const styled = styleOf(at);
      const shown = styled === undefined || fitted === '' ? fitted : style(styled, fitted);
      return columns[at]!.align === 'right' ? space + shown : shown + space;
    });
    return padded
      .filter((_, at) => at === 0 || widthBefore(widths, at) < width)
      .join(gap)
      .trimEnd();
  };
  const header = line(
    columns.map(({ title }) => title),
    () => 'dim',
  );
  return [header, ...cells.map((texts, row) => line(texts, (at) => columns[at]!.style?.(rows[row]!)))].join('\n');
}

const widthBefore = (widths: readonly number[], at: number): number =>
  widths.slice(0, at).reduce((sum, each) => sum + each + gap.length, 0);
