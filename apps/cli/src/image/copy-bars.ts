import type { CopyProgress } from '@waybill/oci';
import { byteCount, cut, duration, grouped, shortDigests } from '../output/text.ts';

/** What is under way, as text: a line per blob and one of the whole. Knows no terminal and no clock. */
export type CopyBars = {
  /** @param image any name that tells one copy from the others */
  readonly add: (image: string, event: CopyProgress, nowMs: number) => void;
  readonly done: () => void;
  readonly lines: (nowMs: number, columns: number) => readonly string[];
  /** The last of the lines alone, for where nothing can be drawn over. */
  readonly total: (nowMs: number) => string;
};

type Moving = { readonly digest: string; readonly sizeBytes: number; bytes: number };

const linesMax = 12;
const barWidthMin = 8;
const barWidthMax = 40;
/** The rate is that of the last seconds: of all of a copy it would hide that it stands still. */
const windowMs = 5_000;

export function createCopyBars(imagesTotal: number): CopyBars {
  const moving = new Map<string, Moving>();
  const samples: { readonly atMs: number; readonly bytes: number }[] = [];
  let imagesDone = 0;
  const blobs = { done: 0, known: 0 };
  const bytes = { done: 0, known: 0 };

  const rateAt = (nowMs: number): number => {
    while (samples.length > 0 && samples[0]!.atMs < nowMs - windowMs) samples.shift();
    const sum = samples.reduce((total, sample) => total + sample.bytes, 0);
    const sinceMs = Math.max(1_000, nowMs - (samples[0]?.atMs ?? nowMs));
    return (Math.max(0, sum) * 1_000) / sinceMs;
  };
  const total = (nowMs: number): string => {
    const rate = rateAt(nowMs);
    const left = bytes.known - bytes.done;
    return [
      ...(imagesTotal > 1 ? [`${grouped(imagesDone)} of ${grouped(imagesTotal)} images`] : []),
      `${grouped(blobs.done)} of ${grouped(blobs.known)} blobs`,
      `${byteCount(bytes.done)} of ${byteCount(bytes.known)}`,
      ...(rate > 0 ? [`${byteCount(rate)}/s`] : []),
      ...(rate > 0 && left > 0 && imagesTotal === 1 ? [`${duration((left / rate) * 1_000)} left`] : []),
    ].join(', ');
  };
  return {
    add(image, event, nowMs) {
      if (event.kind === 'planned') {
        blobs.known += event.blobs;
        bytes.known += event.bytes;
      } else if (event.kind === 'bytes') {
        const key = `${image} ${event.digest}`;
        const blob = moving.get(key) ?? { digest: event.digest, sizeBytes: event.sizeBytes, bytes: 0 };
        moving.set(key, blob);
        blob.bytes += event.bytes;
        bytes.done += event.bytes;
        samples.push({ atMs: nowMs, bytes: event.bytes });
      } else if (event.kind === 'blob') {
        const key = `${image} ${event.blob.digest}`;
        blobs.done++;
        // What was sent twice, or need not be sent, counts once.
        bytes.done += event.blob.sizeBytes - (moving.get(key)?.bytes ?? 0);
        moving.delete(key);
      }
    },
    done: () => void imagesDone++,
    total,
    lines(nowMs, columns) {
      const shown = [...moving.values()].slice(0, linesMax);
      const more = moving.size - shown.length;
      const text = [...shown.map((blob) => barOf(blob, columns)), ...(more > 0 ? [`and ${more} more`] : []), total(nowMs)];
      return text.map((line) => cut(line, columns));
    },
  };
}

function barOf({ digest, sizeBytes, bytes }: Moving, columns: number): string {
  const share = sizeBytes === 0 ? 1 : Math.min(1, Math.max(0, bytes / sizeBytes));
  const name = shortDigests(digest);
  const said = `${String(Math.floor(share * 100)).padStart(3)} % of ${byteCount(sizeBytes)}`;
  const width = Math.min(barWidthMax, columns - name.length - said.length - 5);
  if (width < barWidthMin) return `${name} ${said}`;
  const full = Math.round(share * width);
  return `${name} [${'='.repeat(full)}${' '.repeat(width - full)}] ${said}`;
}
