import type { Source } from '../source.ts';
import { distribution } from './distribution/distribution.ts';
import { dockerhub } from './dockerhub/dockerhub.ts';
import { harbor } from './harbor/harbor.ts';

/** Every kind of sender by its name in `config/sources.yaml`. */
export const sources = {
  distribution,
  dockerhub,
  harbor,
} as const satisfies Readonly<Record<string, Source>>;

export type SourceKind = keyof typeof sources;
export const sourceKinds = Object.keys(sources) as readonly SourceKind[];
