import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rebuildable } from '@waybill/domain';
import { stateTopicsOf, versioned, type Topology } from '@waybill/stream';
import { audit } from '../../apps/audit/src/topology.ts';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { policy } from '../../apps/policy/src/topology.ts';
import { usage } from '../../apps/usage/src/topology.ts';

describe('the list of apps that can be rebuilt', () => {
  const apps: readonly Topology[] = [dedup, policy, usage((name) => name)];

  it('says what their topologies say', () => {
    const declared = apps.map((app) => [app.group, { inputs: app.inputs, state: stateTopicsOf(app) }] as const);
    assert.deepEqual(rebuildable, Object.fromEntries(declared));
  });

  it('names only apps of which a version can be made', () => {
    for (const app of apps) assert.equal(versioned(app, 2).group, `${app.group}.v2`);
    assert.throws(() => versioned(audit, 2), /cannot be rebuilt beside itself/);
  });
});
