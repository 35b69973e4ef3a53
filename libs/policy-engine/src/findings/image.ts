import { noSurroundings, type Question } from '../surroundings.ts';

/** An image that proves a finding: all that `match` can ask for, and nothing else. */
export type Image = {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  /** Null: nobody's. */
  readonly tenant: string | null;
  readonly kind: string;
  /** One of each list that is asked for; mostly none. */
  readonly platforms: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

const digest = `sha256:${'0'.repeat(64)}`;

export const questionOf = ({ registry, repository, tag, tenant, kind, platforms, labels }: Image): Question => ({
  evidence: {
    ...{ registry, repository, tag, tenant, digest },
    inspection: { status: 'done', kind, labels, platforms, platformDigests: [] },
    scans: [],
  },
  atMs: 0,
  surroundings: noSurroundings,
});

/** As people write it, with what matters beside the name. */
export function textOf({ registry, repository, tag, tenant, kind, platforms, labels }: Image): string {
  const labelled = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const beside = [kind === 'image' ? '' : kind, ...platforms, tenant === null ? '' : `tenant ${tenant}`, ...labelled].filter(
    (text) => text !== '',
  );
  return `${registry}/${repository}:${tag}${beside.length === 0 ? '' : ` (${beside.join(', ')})`}`;
}
