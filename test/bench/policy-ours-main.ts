// policy-ours-main.ts <tenants|wildcards|selectors> <policies> <evaluations>: our engine in a process of its own, with `--expose-gc`.
// Prints a line of JSON.
import { compileRulebook, evaluate, explain, inputsSha256, isPolicy, traceOf, versionOf, withDocument } from '@waybill/policy-engine';
import { median } from './bench.ts';
import { comparedCount, measure, measureMs, type PeerDecision } from './policy-figures.ts';
import { makeImages, makePolicies, makeWildcardImages, makeWildcardPolicies, nowMs, ourEvidence, ourPolicies } from './policy-input.ts';
import { selectingDocuments } from './policy-selectors.ts';

const [kind, ...numbers] = process.argv.slice(2);
const [policiesCount, count] = numbers.map(Number) as [number, number];
const [written, asked] =
  kind === 'wildcards'
    ? [makeWildcardPolicies(policiesCount), makeWildcardImages(10_000)]
    : [makePolicies(policiesCount), makeImages(10_000, policiesCount)];
const images = asked.map(ourEvidence);
const imageAt = (index: number) => images[index % images.length]!;
const uninspected = images.map((image) => ({ ...image, inspection: { status: 'missing' } as const, scans: [] }));

const heapMib = (): number => {
  globalThis.gc!();
  return process.memoryUsage().heapUsed / 2 ** 20;
};
const heapBeforeMib = heapMib();
const documents = kind === 'selectors' ? selectingDocuments(written) : ourPolicies(written);
const begunAtMs = performance.now();
const rulebook = compileRulebook(documents);
const set = rulebook.replication;
const prepareMs = performance.now() - begunAtMs;
// What is made when it is first asked for takes memory too.
for (const image of images) evaluate(set, image, nowMs);
const setMib = heapMib() - heapBeforeMib;

const decision = measure(count, (index) => evaluate(set, imageAt(index), nowMs), images.length);
const held = measure(count / 2, (index) => evaluate(set, uninspected[index % uninspected.length]!, nowMs));
const digest = measure(count / 2, (index) => inputsSha256(imageAt(index), nowMs));
// Fewer images, so that each has its turn as often as above.
const toldCount = images.length / 10;
const trace = measure(count / 10, (index) => traceOf(set, imageAt(index % toldCount), nowMs), toldCount);
const explanation = measure(count / 10, (index) => explain(set, imageAt(index % toldCount), nowMs), toldCount);
const burst = () => Promise.all(images.slice(0, 1_000).map(async (image) => evaluate(set, image, nowMs)));
const burstsMs: number[] = [];
for (let round = 0; round < 21; round += 1) burstsMs.push(await measureMs(burst));

const policies = documents.filter(isPolicy);
let changed = rulebook;
const change = measure(1_000, (index) => (changed = withDocument(changed, policies[(index * 37) % policies.length]!)));
const versionMs = await measureMs(() => versionOf(changed));
if (versionOf(changed) !== versionOf(rulebook)) throw new Error('the policies are others after all');

const decisions = images.slice(0, comparedCount).map((image): PeerDecision => {
  const { policyId, outcome, targets } = evaluate(set, image, nowMs);
  return policyId === null ? null : { policy: policyId, allow: outcome === 'allow', targets: targets.map(({ registry }) => registry) };
});
const told = {
  ...{ version: process.version, prepareMs, ...decision, decisions, setMib, burstMs: median(burstsMs), versionMs },
  ...{ heldP50Us: held.p50Us, heldP99Us: held.p99Us, digestP50Us: digest.p50Us },
  ...{ traceP50Us: trace.p50Us, traceP99Us: trace.p99Us, traceBestP99Us: trace.bestP99Us },
  ...{ explainP50Us: explanation.p50Us, explainP99Us: explanation.p99Us, explainBestP99Us: explanation.bestP99Us },
  ...{ changeP50Us: change.p50Us, changeP99Us: change.p99Us, changeUsMax: change.usMax },
};
export type OurFigures = typeof told;
console.log(JSON.stringify(told));
