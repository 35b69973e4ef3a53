import type { BlobReport, CopyReport } from '@waybill/oci';
import type { Console } from '../console.ts';
import type { CliError } from '../exit.ts';
import { facts, type Fact } from '../output/facts.ts';
import { table, type Column } from '../output/table.ts';
import { byteCount, counted, duration, grouped, shortDigests } from '../output/text.ts';
import type { CopyPair } from './copy-pairs.ts';

export type FailedCopy = { readonly pair: CopyPair; readonly error: CliError };

/** What one copy did. */
export function reportText(report: CopyReport, console: Console): string {
  const { digest, manifests, blobs, tags, verified, requests, durationMs, bytesSent } = report;
  const referring = manifests.filter(({ refers }) => refers).length;
  const rows: readonly Fact[] = [
    ['digest', digest],
    ['manifests', `${outcomes(manifests)}${referring > 0 ? `; ${grouped(referring)} of them refer to it` : ''}`],
    ['blobs', outcomes(blobs)],
    ['tags', tags.map(({ tag, outcome }) => `${tag} ${outcome === 'set' ? 'set' : 'was there'}`).join(', ') || 'none'],
    ['verified', verifiedText(verified)],
    ['requests', `${grouped(requests.source)} to the source, ${grouped(requests.target)} to the target`],
    ['sent', `${byteCount(bytesSent)} in ${duration(durationMs)}${rateText(bytesSent, durationMs)}`],
  ];
  return `${console.style('green', 'copied')} ${namesOf(report)}\n${facts(rows, console)}`;
}

/** What a copy would do. */
export function planText(report: CopyReport, console: Console): string {
  const { digest, manifests, blobs, tags } = report;
  const sent = blobs.filter(({ outcome }) => outcome === 'copied');
  const rows: readonly Fact[] = [
    ['digest', digest],
    ['manifests', outcomes(manifests)],
    ['blobs', outcomes(blobs)],
    ['tags', tags.map(({ tag, outcome }) => `${tag} ${outcome === 'set' ? 'would be set' : 'is there'}`).join(', ') || 'none'],
    ['to send', byteCount(sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))],
  ];
  const head = `${console.style('yellow', 'would copy')} ${namesOf(report)}\n${facts(rows, console)}`;
  return sent.length === 0 ? head : `${head}\n\n${table(sent, blobColumns, console)}`;
}

/** What several copies did. */
export function bulkText(reports: readonly CopyReport[], wanted: number, console: Console): string {
  const bytesSent = reports.reduce((sum, report) => sum + report.bytesSent, 0);
  const isDry = reports.some(({ dryRun }) => dryRun);
  const what = isDry ? 'looked at, none was copied' : `copied, ${byteCount(bytesSent)} sent`;
  const head = `${grouped(reports.length)} of ${grouped(wanted)} images ${what}`;
  return reports.length === 0 ? head : `${table(reports, reportColumns, console)}\n${head}`;
}

const namesOf = ({ source, target }: CopyReport): string => {
  const from = `${source.registry}/${source.repository}${source.reference.includes(':') ? '@' : ':'}${source.reference}`;
  return `${from} to ${target.registry}/${target.repository}${target.tag === null ? '' : `:${target.tag}`}`;
};

/** `3 copied (12.0 MiB), 1 present (1.0 KiB)` */
function outcomes(parts: readonly Pick<BlobReport, 'outcome' | 'sizeBytes'>[]): string {
  const byOutcome = Map.groupBy(parts, ({ outcome }) => outcome);
  const texts = (['copied', 'mounted', 'present'] as const).flatMap((outcome) => {
    const same = byOutcome.get(outcome) ?? [];
    return same.length === 0
      ? []
      : [`${grouped(same.length)} ${outcome} (${byteCount(same.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))})`];
  });
  return texts.join(', ') || 'none';
}

const verifiedText = (verified: CopyReport['verified']): string =>
  verified === null
    ? 'no'
    : `${counted(verified.manifests, 'manifest')}, ${counted(verified.blobs, 'blob')} ${verified.how === 'read' ? 'read back' : 'by size'}`;

const rateText = (bytes: number, ms: number): string => (bytes > 0 && ms > 0 ? `, ${byteCount((bytes * 1_000) / ms)}/s` : '');

const blobColumns: readonly Column<BlobReport>[] = [
  { title: 'BLOB', cell: ({ digest }) => shortDigests(digest) },
  { title: 'SIZE', cell: ({ sizeBytes }) => byteCount(sizeBytes), align: 'right' },
  { title: 'TYPE', cell: ({ mediaType }) => mediaType, flexible: 'cut' },
];

const countOf = ({ blobs }: CopyReport, outcome: BlobReport['outcome']): string =>
  grouped(blobs.filter((blob) => blob.outcome === outcome).length);
const reportColumns: readonly Column<CopyReport>[] = [
  {
    title: 'IMAGE',
    cell: ({ target }) => `${target.registry}/${target.repository}${target.tag === null ? '' : `:${target.tag}`}`,
    flexible: 'cut',
  },
  { title: 'DIGEST', cell: ({ digest }) => shortDigests(digest), optional: true, style: () => 'dim' },
  { title: 'COPIED', cell: (report) => countOf(report, 'copied'), align: 'right' },
  { title: 'MOUNTED', cell: (report) => countOf(report, 'mounted'), align: 'right', optional: true },
  { title: 'PRESENT', cell: (report) => countOf(report, 'present'), align: 'right', optional: true },
  { title: 'SENT', cell: ({ bytesSent }) => byteCount(bytesSent), align: 'right' },
  { title: 'TIME', cell: ({ durationMs }) => duration(durationMs), align: 'right' },
];
