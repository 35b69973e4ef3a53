import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { claim, findPredecessor, isOwner, removePredecessors } from './claims.ts';
import { newManifest, writeManifest } from './manifest.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-claims-'));
after(() => rmSync(root, { recursive: true, force: true }));

const folderOf = (): string => mkdtempSync(join(root, 'store-'));
const at = (next: number) => ({ ...newManifest(), changelog: [['rows', next]] as const });
const nextOf = (folder: string, owner: string): number | undefined => findPredecessor(folder, owner)?.changelog[0]?.[1];

describe('a claim', () => {
  it('makes the newest claimant the owner, and finds what the one before has left', () => {
    const folder = folderOf();
    claim(folder, 'a');
    assert.equal(nextOf(folder, 'a'), undefined);
    writeManifest(folder, 'a', at(1));
    claim(folder, 'b');
    assert.deepEqual([isOwner(folder, 'a'), isOwner(folder, 'b'), nextOf(folder, 'b')], [false, true, 1]);
  });

  it('protects what the owner writes from those before it', () => {
    const folder = folderOf();
    claim(folder, 'a');
    writeManifest(folder, 'a', at(1));
    claim(folder, 'b');
    writeManifest(folder, 'b', at(2));
    removePredecessors(folder, 'b');
    writeManifest(folder, 'a', at(3)); // It had looked before b has claimed, and writes only now.
    claim(folder, 'c');
    assert.equal(nextOf(folder, 'c'), 2);
    writeManifest(folder, 'c', at(4));
    removePredecessors(folder, 'c');
    assert.deepEqual(readdirSync(folder).toSorted(), ['claim-0000000003', 'manifest-c.json']);
  });

  it('of a process that died before it wrote a manifest is passed over', () => {
    const folder = folderOf();
    claim(folder, 'died-at-once');
    claim(folder, 'a');
    assert.equal(nextOf(folder, 'a'), undefined);
    writeManifest(folder, 'a', at(5));
    removePredecessors(folder, 'a');
    claim(folder, 'died-too');
    claim(folder, 'b');
    assert.equal(nextOf(folder, 'b'), 5);
  });

  it('does not take a folder whose manifest is gone for an empty one', () => {
    const folder = folderOf();
    claim(folder, 'a');
    writeFileSync(join(folder, 'aaaaaaaa-1.segment'), '');
    claim(folder, 'b');
    assert.throws(() => nextOf(folder, 'b'), /does not say how it was left/);
  });
});
