import type { Source } from '../source.ts';
import { acr } from './acr/acr.ts';
import { aliyun } from './aliyun/aliyun.ts';
import { cdevents } from './cdevents/cdevents.ts';
import { cloudevents } from './cloudevents/cloudevents.ts';
import { distribution } from './distribution/distribution.ts';
import { dockerhub } from './dockerhub/dockerhub.ts';
import { dtr } from './dtr/dtr.ts';
import { ecr } from './ecr/ecr.ts';
import { gar } from './gar/gar.ts';
import { gitea } from './gitea/gitea.ts';
import { github } from './github/github.ts';
import { gitlab } from './gitlab/gitlab.ts';
import { harbor } from './harbor/harbor.ts';
import { jfrog } from './jfrog/jfrog.ts';
import { nexus } from './nexus/nexus.ts';
import { quay } from './quay/quay.ts';
import { tencent } from './tencent/tencent.ts';
import { zot } from './zot/zot.ts';

/** Every kind of sender by its name in `config/sources.yaml`. */
export const sources = {
  acr,
  aliyun,
  cdevents,
  cloudevents,
  distribution,
  dockerhub,
  dtr,
  ecr,
  gar,
  gitea,
  github,
  gitlab,
  harbor,
  jfrog,
  nexus,
  quay,
  tencent,
  zot,
} as const satisfies Readonly<Record<string, Source>>;

export type SourceKind = keyof typeof sources;
export const sourceKinds = Object.keys(sources) as readonly SourceKind[];
