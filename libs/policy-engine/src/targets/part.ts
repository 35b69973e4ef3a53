import type { Target } from '../document/target.ts';
import type { Evidence } from '../evidence.ts';
import { normalized } from '../platforms.ts';
import { shortened } from '../requirements/answer.ts';

/** What of an image a target takes. */
export type Part =
  /** None: all of it, which keeps its digest. */
  | { readonly kind: 'taken'; readonly platforms: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly awaiting: string };

const all: Part = { kind: 'taken', platforms: [] };

/** Those of the wanted platforms that the image has. Where that leaves nothing out, it is the image as it is. */
export function partOf({ platforms: written }: Pick<Target, 'platforms'>, { inspection }: Pick<Evidence, 'inspection'>): Part {
  if (written === undefined) return all;
  if (inspection.status !== 'done') return { kind: 'unknown', awaiting: 'inspection' };
  if (inspection.kind === 'artifact') return all; // It is for every platform.
  if (inspection.platforms === undefined) return { kind: 'unknown', awaiting: 'platforms' };
  const wanted = new Set(normalized(written));
  const known = normalized(inspection.platforms);
  const taken = known.filter((platform) => wanted.has(platform));
  if (taken.length === 0) {
    const reason = `the image is for ${shortened(known, ', ') || 'no platform'}, and the policy wants ${shortened([...wanted], ', ')}`;
    return { kind: 'none', reason };
  }
  return taken.length === known.length ? all : { kind: 'taken', platforms: taken };
}
