import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { fetchApi } from './fetch-call.ts';
import { produceApi } from './produce-call.ts';
import { refuseUnsupported, spokenVersions, type VersionRanges } from './supported-versions.ts';

const require = createRequire(import.meta.url);
const ranges = (changes: VersionRanges = {}): VersionRanges => ({
  ...Object.fromEntries(Object.values(spokenVersions).map(([key, version]) => [key, { minVersion: 0, maxVersion: version + 1 }])),
  ...changes,
});

describe('versions of a broker', () => {
  it('are taken where each contains what we speak', () => refuseUnsupported('b:9092', ranges()));

  it('are refused where one ends before it, begins after it, or is missing, with what to run', () => {
    const [joinGroup] = spokenVersions.JoinGroup;
    const cases = [
      [{ minVersion: 0, maxVersion: 4 }, 'JoinGroup 0 to 4 (we: 5)'],
      [{ minVersion: 6, maxVersion: 9 }, 'JoinGroup 6 to 9 (we: 5)'],
      [undefined, 'JoinGroup not at all (we: 5)'],
    ] as const;
    for (const [range, what] of cases) {
      const message = `broker b:9092 speaks ${what}; supported is Kafka 2.5 to 4.x`;
      assert.throws(() => refuseUnsupported('b:9092', ranges({ [joinGroup]: range })), { code: 'BROKER_UNSUPPORTED', message });
    }
  });

  it('that we speak are the highest that kafkajs implements, and our own encodings', () => {
    const apiKeys = require('kafkajs/src/protocol/requests/apiKeys') as Record<string, number>;
    const { requests } = require('kafkajs/src/protocol/requests') as { requests: Record<string, { versions: readonly string[] }> };
    for (const [name, [key, version]] of Object.entries(spokenVersions)) {
      const theirs = name === 'FindCoordinator' ? 'GroupCoordinator' : name;
      assert.equal(apiKeys[theirs], key);
      assert.equal(Math.max(...requests[theirs]!.versions.map(Number)), version, name);
    }
    for (const { apiKey, apiVersion, apiName } of [produceApi, fetchApi]) assert.deepEqual(spokenVersions[apiName], [apiKey, apiVersion]);
  });
});
