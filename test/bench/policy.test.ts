import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSet, evaluate } from '@waybill/policy-engine';
import { makeImages, makePolicies, nowMs, ourEvidence, ourPolicies, peerData, type PeerImage, type PeerPolicy } from './policy-input.ts';

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

describe('the input of the policy bench', () => {
  it('means the same to the peers, by place and requirements, as its documents mean to us', () => {
    const policies = makePolicies(1_000);
    const placed = peerData(policies).policies;
    const set = compileSet(ourPolicies(policies));
    for (const image of makeImages(200, 1_000)) {
      const first = placed.find((policy) => matches(policy, image));
      const { policyId, outcome } = evaluate(set, ourEvidence(image), nowMs);
      assert.equal(policyId, first?.id ?? null);
      if (first === undefined) continue;
      const { maxSeverity, scanMaxAgeHours } = first.requires;
      const isGood = ranks.indexOf(image.scan.maxSeverity) <= ranks.indexOf(maxSeverity) && image.scan.ageHours <= scanMaxAgeHours;
      assert.equal(outcome === 'allow', isGood);
    }
  });
});
