import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type EventOf, type RegistryProbe } from '@waybill/domain';
import { topologyDriver } from '@waybill/stream/testing';
import { withHealth, type Probing } from './health.ts';
import { replicator } from './topology.ts';

const nowMs = Date.UTC(2026, 0, 1);
const second = 1_000;
const neverRun = () => Promise.reject(new Error('the driver runs no jobs'));
const topologyOf = (registries: readonly string[], more: Partial<Probing> = {}) =>
  withHealth(
    replicator(neverRun, (name) => name, { timeoutMs: 1, concurrencyMax: 1, perTargetMax: 1, attemptsMax: 1 }),
    { registries, probe: neverRun, intervalMs: 10 * second, timeoutMs: second, failuresMin: 3, successesMin: 2, ...more },
  );

/** Probes of one registry after another: `+` is up, `-` is down. @returns what was told of it, `?` for no longer asked */
function start(registries: readonly string[] = ['b'], more: Partial<Probing> = {}) {
  const driver = topologyDriver(topologyOf(registries, more));
  let atMs = nowMs;
  driver.tellOf('health', { atMs });
  const told = () => (driver.emitted(topics.registryHealth) as readonly EventOf<'RegistryHealthChanged'>[]).map(({ data }) => data);
  return {
    driver,
    told,
    signs: () => told().map(({ isHealthy }) => (isHealthy === null ? '?' : isHealthy ? '+' : '-')).join(''), // prettier-ignore
    probe: (answers: string, name = 'b') => {
      for (const sign of answers) {
        const result = { isUp: sign === '+', reason: sign === '+' ? 'answers 200' : 'REGISTRY_TIMEOUT: it did not answer' };
        driver.finishJob(`probe/${name}`, result, { atMs: (atMs += second) });
      }
      return atMs;
    },
    row: (name = 'b') => driver.row('probes', name) as RegistryProbe | undefined,
  };
}

describe('a registry', () => {
  it('is asked when the replicator starts, and again some time after each answer', () => {
    const { driver, probe } = start(['b', 'c']);
    const due = () => driver.jobs().map(({ id, kind, host, notBeforeMs }) => [id, kind, host, notBeforeMs - nowMs]);
    assert.deepEqual(due(), [['probe/b', 'probe', null, 0], ['probe/c', 'probe', null, 0]]); // prettier-ignore
    probe('+');
    assert.deepEqual(due().at(-1), ['probe/b', 'probe', null, 11 * second]);
  });

  it('is up with its first answer', () => {
    const { probe, told, driver } = start();
    const atMs = probe('+');
    assert.deepEqual(told(), [{ registry: 'b', isHealthy: true, reason: 'answers 200', changedAtMs: atMs }]);
    assert.deepEqual(driver.keys(topics.registryHealth), ['b']);
  });

  it('that has never answered is down after as many failures as another', () => {
    const { probe, signs } = start();
    probe('--');
    assert.equal(signs(), '');
    probe('-');
    assert.equal(signs(), '-');
  });

  it('is down after so many failures in a row, with the reason of the last one, and up after so many answers', () => {
    const { probe, told, signs } = start();
    const atMs = probe('+---');
    assert.deepEqual(told().at(-1), {
      ...{ registry: 'b', isHealthy: false, reason: 'REGISTRY_TIMEOUT: it did not answer', changedAtMs: atMs },
    });
    probe('+');
    assert.equal(signs(), '+-');
    probe('+');
    assert.equal(signs(), '+-+');
  });

  it('that flaps below the thresholds stays as it was told to be', () => {
    const { probe, signs, row } = start();
    probe('+--+--+-+--+');
    assert.equal(signs(), '+');
    probe('---+-+-+--');
    assert.equal(signs(), '+-');
    assert.deepEqual(row(), { registry: 'b', isHealthy: false, contraryCount: 0 });
  });

  it('whose probe itself came to no end has failed once more, and is asked again', () => {
    const { driver, probe, signs } = start();
    probe('+--');
    driver.failJob('probe/b', { code: 'JOB_TIMEOUT', reason: 'it took too long', attempts: 1 }, { atMs: nowMs });
    assert.equal(signs(), '+-');
    assert.deepEqual(driver.jobs().map(({ id, status }) => [id, status]), [['probe/b', 'due']]); // prettier-ignore
  });

  it('does not count what happens to another', () => {
    const { probe, told } = start(['b', 'c']);
    probe('+---', 'c');
    probe('--');
    assert.deepEqual(told().map(({ registry, isHealthy }) => [registry, isHealthy]), [['c', true], ['c', false]]); // prettier-ignore
  });
});

describe('after a restart', () => {
  it('what was counted still counts, and nothing is told twice or asked twice', () => {
    const { driver, probe, signs } = start();
    probe('+--');
    driver.deploy(topologyOf(['b']));
    driver.tellOf('health');
    assert.equal(driver.jobs().length, 1);
    probe('--');
    assert.equal(signs(), '+-');
  });

  it('a registry that is no longer configured is asked no more, and nothing is known of it', () => {
    const { driver, probe, told, row } = start(['b', 'c']);
    probe('+---');
    driver.deploy(topologyOf(['c']));
    driver.tellOf('health', { atMs: nowMs });
    assert.deepEqual(told().at(-1), { registry: 'b', isHealthy: null, reason: 'is no longer configured', changedAtMs: nowMs });
    assert.deepEqual([driver.jobs().map(({ id }) => id), row()], [['probe/c'], undefined]);
    driver.tellOf('health');
    assert.equal(told().length, 3);
  });

  it('one of which nothing was told leaves without a word', () => {
    const { driver, told } = start(['b']);
    driver.deploy(topologyOf([]));
    driver.tellOf('health');
    assert.deepEqual([told(), driver.jobs()], [[], []]);
  });
});
