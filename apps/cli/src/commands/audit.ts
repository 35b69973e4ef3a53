import type { Codec } from '@waybill/stream';
import { auditFaults, type AuditReport, verifyAudit } from '@waybill/transparency-log';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { auditEvidence, type AuditLog, pendingRecords } from '../log/audit-evidence.ts';
import { type Column, table } from '../output/table.ts';
import { grouped, printable } from '../output/text.ts';

export type VerifyOptions = {
  readonly output: OutputFormat;
  /** Partition numbers; all where undefined. */
  readonly partitions: readonly number[] | undefined;
};

type Verified = AuditReport & { readonly recordsPending: number };

/**
 * Proves the audit from the log itself, without any server of ours: every chain, every record, and that none is missing.
 * Says no (1) where anything is broken.
 */
export async function verify({ output, partitions }: VerifyOptions, log: AuditLog, codec: Codec, console: Console): Promise<ExitCode> {
  const wanted = partitions ?? Array.from({ length: log.partitions }, (_, partition) => partition);
  const beyond = wanted.filter((partition) => partition >= log.partitions);
  if (beyond.length > 0)
    throw new CliError(exitCodes.usage, `there is no partition ${beyond.join(', ')}`, `Partitions go from 0 to ${log.partitions - 1}.`);
  const reports: Verified[] = [];
  for (const partition of wanted) {
    const evidence = await auditEvidence(log, codec, partition);
    const report = await verifyAudit(evidence, {
      onProgress: ({ linksCount, recordsVerified }) =>
        console.progress(`partition ${partition}: ${grouped(linksCount)} links followed, ${grouped(recordsVerified)} records compared`),
    });
    reports.push({ ...report, recordsPending: await pendingRecords(log, evidence) });
  }
  const broken = reports.filter(({ fault }) => fault !== null);
  console.progress('');
  console.out(
    output === 'json'
      ? JSON.stringify({ ok: broken.length === 0, partitions: reports.map(toJson) }, null, 2)
      : reportText(reports, console),
  );
  return broken.length === 0 ? exitCodes.done : exitCodes.no;
}

const toJson = ({ head, ...report }: Verified) => ({
  ...report,
  head: head === undefined ? null : { seq: head.seq, hash: head.hash.toString('hex') },
});

function reportText(reports: readonly Verified[], console: Console): string {
  const { style } = console;
  const sum = (of: (report: Verified) => number): string => grouped(reports.reduce((total, report) => total + of(report), 0));
  const faults = reports.flatMap(({ fault }) => (fault === null ? [] : [fault]));
  const records = sum(({ recordsVerified }) => recordsVerified);
  const summary = `${sum(({ linksCount }) => linksCount)} links, ${records} records as they were chained`;
  const isPending = reports.some(({ recordsPending }) => recordsPending > 0);
  const pending = isPending ? [style('dim', 'Pending records are in the log and not chained yet; ask again.')] : [];
  const verdict =
    faults.length === 0
      ? [style('green', `✔ the audit holds: ${summary}`)]
      : faults.flatMap(({ code, partition, reason }) => [
          style('red', `✖ partition ${partition}: ${auditFaults[code]} (${code})`),
          `  ${printable(reason)}`,
        ]);
  return [table(reports, columns, console), '', ...verdict, ...pending].join('\n');
}

const number = (title: string, value: (report: Verified) => number): Column<Verified> => ({
  title,
  cell: (row) => grouped(value(row)),
  align: 'right',
});
const columns: readonly Column<Verified>[] = [
  { title: 'PARTITION', cell: ({ partition }) => String(partition), align: 'right' },
  number('LINKS', ({ linksCount }) => linksCount),
  number('VERIFIED', ({ recordsVerified }) => recordsVerified),
  number('EXPIRED', ({ recordsExpired }) => recordsExpired),
  number('PENDING', ({ recordsPending }) => recordsPending),
  {
    title: 'HEAD',
    cell: ({ head }) => (head === undefined ? '-' : `${head.seq} ${head.hash.toString('hex').slice(0, 16)}`),
    style: () => 'dim',
  },
  { title: 'STATE', cell: ({ fault }) => fault?.code ?? 'holds', style: ({ fault }) => (fault === null ? 'green' : 'red') },
];
