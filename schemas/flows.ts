import { topics } from '@waybill/domain';
import type { Topic } from '@waybill/domain';
import { inputsOf, type Topology } from '@waybill/stream';
import { followedTopics } from '../apps/api/src/read-model/followed-topics.ts';
import { audit } from '../apps/audit/src/topology.ts';
import { dedup } from '../apps/dedup/src/topology.ts';
import { gateway } from '../apps/gateway/src/topology.ts';
import { inspector } from '../apps/inspector/src/topology.ts';
import { policy } from '../apps/policy/src/topology.ts';
import { withHealth } from '../apps/replicator/src/health.ts';
import { replicator } from '../apps/replicator/src/topology.ts';
import { scanner } from '../apps/scanner/src/topology.ts';
import { usage } from '../apps/usage/src/topology.ts';

/** Who reads and writes which topics, as far as it can be printed. */
export type Flow = {
  /** Consumer group, or the name of what writes without one. */
  readonly group: string;
  readonly inputs: readonly Topic[];
  /** Read whole by every instance. */
  readonly tables: readonly Topic[];
  /** State that it alone writes and reads back, its jobs included. */
  readonly stores: readonly Topic[];
  readonly outputs: readonly Topic[];
  readonly jobKinds: readonly string[];
};

/** Slow work is never done by printing. */
const notRun = (): never => {
  throw new Error('a printed topology does no work');
};

/** Every stage parks what it cannot process, and is told what to become of it: the runtime does, so that no topology says it. */
const stage = ({ group, inputs, tables = {}, stores, marks = {}, held, jobTopic, outputs, jobs = {}, rebuild }: Topology): Flow => ({
  group,
  inputs: inputsOf({ inputs }),
  tables: [...Object.values(tables), ...(rebuild === undefined ? [] : [topics.projections])],
  stores: [
    ...Object.values(stores),
    ...Object.values(marks).map(({ topic }) => topic),
    ...(jobTopic === undefined ? [] : [jobTopic]),
    held,
  ],
  outputs: [...new Set([...outputs, topics.parked])],
  jobKinds: Object.keys(jobs),
});

const edge = (group: string, ends: { readonly inputs?: readonly Topic[]; readonly outputs?: readonly Topic[] }): Flow => ({
  group,
  inputs: ends.inputs ?? [],
  tables: [],
  stores: [],
  outputs: ends.outputs ?? [],
  jobKinds: [],
});

const neverAsked = { registries: [], probe: notRun, intervalMs: 1, timeoutMs: 1, failuresMin: 1, successesMin: 1 };
const limits = { timeoutMs: 1, concurrencyMax: 1, attemptsMax: 1 };

/** All of Waybill, in the order of an image's way. A new app is added here, and its topics appear in both printed files. */
export const flows: readonly Flow[] = [
  edge(gateway.group, { outputs: gateway.outputs }),
  stage(dedup),
  stage(inspector(notRun, { ...limits, perRegistryMax: 1 })),
  stage(scanner(notRun, { ...limits, scannerName: 'none', verdictAgeMsMax: 1 })),
  edge('deploy', { outputs: [topics.policies] }),
  stage(policy),
  stage(withHealth(replicator(notRun, notRun, { ...limits, perTargetMax: 1 }), neverAsked)),
  stage(usage((name) => name)),
  stage(audit),
  edge('cli', {
    inputs: [topics.deliveries],
    outputs: [topics.imageEvents, topics.deliveryReplays, topics.parkedCommands, topics.projections],
  }),
  edge('api', { inputs: [...followedTopics().values()] }),
];
