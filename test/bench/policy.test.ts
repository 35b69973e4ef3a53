import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSet, evaluate } from '@waybill/policy-engine';
import {
  makeImages,
  makePolicies,
  makeWildcardImages,
  makeWildcardPolicies,
  nowMs,
  ourEvidence,
  ourPolicies,
  peerData,
  type PeerImage,
  type PeerPolicy,
} from './policy-input.ts';

const ranks = ['none', 'low', 'medium', 'high', 'critical'];
const asRegex = (glob: string, star: string): RegExp => {
  const parts = glob.split(/(\*\*|\*)/).map((part) => (part === '**' ? '.*' : part === '*' ? star : RegExp.escape(part)));
  return new RegExp(`^${parts.join('')}$`);
};
const matches = ({ tenant, match }: PeerPolicy, image: PeerImage): boolean =>
  tenant === image.tenant &&
  asRegex(match.repository, '[^/]*').test(image.repository) &&
  asRegex(match.tag, '.*').test(image.tag) &&
  Object.entries(match.labels).every(([name, value]) => image.labels[name] === value);

const sets = [
  ['of tenants', makePolicies(1_000), makeImages(200, 1_000)],
  ['behind wildcards', makeWildcardPolicies(2_000), makeWildcardImages(200)],
] as const;

describe('the input of the policy bench', () => {
  for (const [name, policies, images] of sets)
    it(`${name} means the same to the peers, by place and requirements, as its documents mean to us`, () => {
      const placed = peerData(policies).policies;
      const set = compileSet(ourPolicies(policies));
      let decidedCount = 0;
      for (const image of images) {
        const first = placed.find((policy) => matches(policy, image));
        const { policyId, outcome } = evaluate(set, ourEvidence(image), nowMs);
        assert.equal(policyId, first?.id ?? null);
        if (first === undefined) continue;
        decidedCount += 1;
        const { maxSeverity, scanMaxAgeHours } = first.requires;
        const isGood = ranks.indexOf(image.scan.maxSeverity) <= ranks.indexOf(maxSeverity) && image.scan.ageHours <= scanMaxAgeHours;
        assert.equal(outcome === 'allow', isGood);
      }
      assert.ok(decidedCount > 20, `${decidedCount} images are decided by a policy`);
    });
});
