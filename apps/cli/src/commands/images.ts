import type { Image, Images } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat, Style } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime, shortDigests } from '../output/text.ts';

export type ImagesOptions = {
  readonly output: OutputFormat;
  readonly registry: string | undefined;
  readonly repository: string | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
};

/** Lists tags as they are now, with what was decided and where they are. */
export async function images({ output, ...query }: ImagesOptions, api: ApiClient, console: Console): Promise<ExitCode> {
  const answer = await api.get<Images>('/v1/images', query);
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else if (answer.images.length === 0) console.out('No image is known here. Push one to a registry whose webhook points at the gateway.');
  else console.out(table(answer.images, columns, console));
  if (output === 'table' && answer.nextCursor !== null) console.err(`More: add --cursor ${answer.nextCursor}`);
  return exitCodes.done;
}

const styles: Readonly<Record<string, Style>> = {
  copied: 'green',
  allowed: 'green',
  denied: 'red',
  'copy-failed': 'red',
  held: 'yellow',
  copying: 'yellow',
};

const columns: readonly Column<Image>[] = [
  { title: 'IMAGE', cell: ({ registry, repository, tag }) => `${registry}/${repository}:${tag}` },
  { title: 'DIGEST', cell: ({ digest }) => shortDigests(digest ?? '-'), optional: true, style: () => 'dim' },
  { title: 'CHANGED (UTC)', cell: ({ changedAtMs }) => dateTime(changedAtMs), optional: true, style: () => 'dim' },
  { title: 'STATUS', cell: ({ status }) => status, style: ({ status }) => styles[status] },
  { title: 'WHERE OR WHY', cell: whereOrWhy, flexible: 'wrap' },
];

function whereOrWhy({ status, copies, reason }: Image): string {
  if (status === 'copied') return copies.map(placeOf).join(', ');
  if (status === 'copying') return `to ${copies.map(placeOf).join(', ')}`;
  const failed = copies.filter((copy) => copy.status === 'failed');
  if (status === 'copy-failed') return shortDigests(failed.map((copy) => `${copy.target}: ${copy.reason ?? 'given up'}`).join('; '));
  return shortDigests(reason ?? '');
}

const placeOf = ({ target, platforms }: Image['copies'][number]): string =>
  platforms.length === 0 ? target : `${target} (${platforms.join(', ')})`;
