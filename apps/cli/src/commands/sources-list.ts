import { sourceKinds, sources, type Source, type SourceKind } from '@waybill/webhook-sources';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';

type Row = { readonly kind: SourceKind; readonly title: string; readonly auth: readonly string[]; readonly page: string };

/** Lists the kinds of senders that Waybill reads. */
export function listSources({ output }: { readonly output: OutputFormat }, console: Console): ExitCode {
  const rows = sourceKinds.map((kind): Row => {
    const { title, auth }: Source = sources[kind];
    return { kind, title, auth, page: `docs/registries/${kind}.md` };
  });
  console.out(output === 'json' ? JSON.stringify({ sources: rows }, null, 2) : table(rows, columns, console));
  return exitCodes.done;
}

const columns: readonly Column<Row>[] = [
  { title: 'SOURCE', cell: ({ kind }) => kind },
  { title: 'SENDER', cell: ({ title }) => title },
  { title: 'PROVES ITSELF BY', cell: ({ auth }) => auth.join(', '), flexible: 'wrap' },
  { title: 'WHAT TO ENTER THERE', cell: ({ page }) => page, optional: true, style: () => 'dim' },
];
