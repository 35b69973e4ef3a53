import type { StoredImage } from '@waybill/policy-engine';
import type { Console } from '../console.ts';
import type { Column } from '../output/table.ts';
import { byteCount, duration, grouped, shortDigests } from '../output/text.ts';
import type { OnRead } from './log-rows.ts';

/** Tells of long readings. */
export const progressOf =
  (console: Console): OnRead =>
  (topic, readCount) =>
    console.progress(`${grouped(readCount)} rows of ${topic} read`);

/** What is not known when it was pushed is newer than anything. */
export const imageJson = ({ registry, repository, digest, tags, sizeBytes, pushedAtMs, lastPulledAtMs }: StoredImage) => ({
  ...{ registry, repository, digest, tags, sizeBytes, lastPulledAtMs },
  pushedAtMs: pushedAtMs === Number.MAX_SAFE_INTEGER ? null : pushedAtMs,
});

/** Of what is proposed to be deleted. */
export const imageColumns = <Row>(imageOf: (row: Row) => StoredImage, atMs: number, why: (row: Row) => string): readonly Column<Row>[] => [
  {
    title: 'IMAGE',
    cell: (row) => {
      const { registry, repository, digest } = imageOf(row);
      return shortDigests(`${registry}/${repository}@${digest}`);
    },
  },
  { title: 'TAGS', cell: (row) => tagsText(imageOf(row)) },
  { title: 'AGE', cell: (row) => ageText(imageOf(row), atMs), style: () => 'dim' },
  { title: 'SIZE', cell: (row) => sizeText(imageOf(row)), align: 'right' },
  { title: 'WHY', cell: (row) => shortDigests(why(row)), flexible: 'wrap' },
];

const tagsShownMax = 2;
const tagsText = ({ tags }: StoredImage): string => {
  if (tags.length === 0) return '-';
  return tags.slice(0, tagsShownMax).join(' ') + (tags.length > tagsShownMax ? ` +${tags.length - tagsShownMax}` : '');
};
const ageText = ({ pushedAtMs }: StoredImage, atMs: number): string => (pushedAtMs > atMs ? '-' : duration(atMs - pushedAtMs));
const sizeText = ({ sizeBytes }: StoredImage): string => (sizeBytes === null ? '-' : byteCount(sizeBytes));
