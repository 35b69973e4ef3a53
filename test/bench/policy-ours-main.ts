// policy-ours-main.ts <policies> <evaluations>: our engine in a process of its own, with `--expose-gc`. Prints a line of JSON.
import { compileRulebook, evaluate, explain, inputsSha256, traceOf, withDocument, withoutDocument } from '@waybill/policy-engine';
import { median } from './bench.ts';
import { comparedCount, measure, type PeerDecision } from './policy-figures.ts';
import { makeImages, makePolicies, nowMs, ourEvidence, ourPolicies } from './policy-input.ts';

const [policiesCount, count] = process.argv.slice(2).map(Number) as [number, number];
const written = makePolicies(policiesCount);
const images = makeImages(10_000, policiesCount).map(ourEvidence);
const imageAt = (index: number) => images[index % images.length]!;

const heapMib = (): number => {
  globalThis.gc!();
  return process.memoryUsage().heapUsed / 2 ** 20;
};
const heapBeforeMib = heapMib();
const policies = ourPolicies(written);
const begunAtMs = performance.now();
const rulebook = compileRulebook(policies);
const set = rulebook.replication;
const prepareMs = performance.now() - begunAtMs;

const decision = measure(count, (index) => evaluate(set, imageAt(index), nowMs));
const uninspected = images.map((image) => ({ ...image, inspection: { status: 'missing' } as const, scans: [] }));
const held = measure(count / 2, (index) => evaluate(set, uninspected[index % uninspected.length]!, nowMs));
const digest = measure(count / 2, (index) => inputsSha256(imageAt(index), nowMs));
const trace = measure(count / 20, (index) => traceOf(set, imageAt(index), nowMs));
const explanation = measure(count / 20, (index) => explain(set, imageAt(index), nowMs));
const burstAtMs = performance.now();
await Promise.all(images.slice(0, 1_000).map(async (image) => evaluate(set, image, nowMs)));
const burstMs = performance.now() - burstAtMs;
const setMib = heapMib() - heapBeforeMib;

let changed = rulebook;
const changesMs = Array.from({ length: 101 }, (_, index) => {
  const policy = policies[(index * 37) % policies.length]!;
  const atMs = performance.now();
  changed = withDocument(withoutDocument(changed, policy.id), policy);
  return performance.now() - atMs;
});
const versionAtMs = performance.now();
if (changed.version !== rulebook.version) throw new Error('the policies are others after all');
const versionMs = (performance.now() - versionAtMs) / 2;

const decisions = images.slice(0, comparedCount).map((image): PeerDecision => {
  const { policyId, outcome, targets } = evaluate(set, image, nowMs);
  return policyId === null ? null : { policy: policyId, allow: outcome === 'allow', targets: targets.map(({ registry }) => registry) };
});
const told = {
  ...{ version: process.version, prepareMs, ...decision, decisions, setMib, burstMs, versionMs },
  ...{ heldP50Us: held.p50Us, heldP99Us: held.p99Us, digestP50Us: digest.p50Us, traceP50Us: trace.p50Us, traceP99Us: trace.p99Us },
  ...{ explainP50Us: explanation.p50Us, explainP99Us: explanation.p99Us },
  ...{ changeP50Ms: median(changesMs), changeMsMax: Math.max(...changesMs) },
};
export type OurFigures = typeof told;
console.log(JSON.stringify(told));
