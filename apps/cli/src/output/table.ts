import type { Console, Style } from '../console.ts';
import { cut, printable, wrapped } from './text.ts';

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
  /** Takes what the others leave where the terminal is narrow: `cut` ends it with `…`, `wrap` goes on in the next line. */
  readonly flexible?: 'cut' | 'wrap';
  /** Left out where the terminal is narrow, the last such column first. */
  readonly optional?: boolean;
  readonly style?: (row: Row) => Style | undefined;
};

const gap = '  ';
const flexibleWidthMin = 12;

/** Lines that fit the console's width. The flexible column takes what the others leave; too narrow for that, lines are cut. */
export function table<Row>(rows: readonly Row[], wanted: readonly Column<Row>[], { columns: width, style }: Console): string {
  const columns = fittingColumns(rows, wanted, width);
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const widths = widthsOf(columns, cells);
  const flexible = columns.findIndex((column) => column.flexible !== undefined);
  const total = totalOf(widths);
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
      .filter((_, at) => at === 0 || totalOf(widths.slice(0, at)) + gap.length < width)
      .join(gap)
      .trimEnd();
  };
  const header = line(
    columns.map(({ title }) => title),
    () => 'dim',
  );
  const linesOf = (texts: readonly string[]): readonly (readonly string[])[] => {
    if (flexible < 0 || columns[flexible]!.flexible !== 'wrap') return [texts];
    const [first = '', ...more] = wrapped(texts[flexible]!, widths[flexible]!);
    return [texts.with(flexible, first), ...more.map((part) => texts.map((_, at) => (at === flexible ? part : '')))];
  };
  const body = cells.flatMap((texts, row) => linesOf(texts).map((part) => line(part, (at) => columns[at]!.style?.(rows[row]!))));
  return [header, ...body].join('\n');
}

/** The columns that a table shows at a width: optional ones only while all fit as they are. */
export function fittingColumns<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): readonly Column<Row>[] {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  if (totalOf(widthsOf(columns, cells)) <= width) return columns;
  const last = columns.findLastIndex(({ optional }) => optional === true);
  return last < 0 ? columns : fittingColumns(rows, columns.toSpliced(last, 1), width);
}

const widthsOf = <Row>(columns: readonly Column<Row>[], cells: readonly (readonly string[])[]): number[] =>
  columns.map(({ title }, at) => cells.reduce((widest, line) => Math.max(widest, line[at]!.length), title.length));

const totalOf = (widths: readonly number[]): number => widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1);
