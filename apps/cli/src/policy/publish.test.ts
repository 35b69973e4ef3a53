import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import { StreamError, type EventLog, type Transaction, type Writer } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import { CliError } from '../exit.ts';
import { policy, startLog } from './policies.fixture.ts';
import { readPolicyLog, type PolicyEvent, type PolicyPublished } from './policy-log.ts';

const isOutdated = (message: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === 1 && message.test(error.message);

/** The same log, whose first writer does something else with what is committed. */
function withFirstCommit(log: EventLog, commit: (writer: Writer, transaction: Transaction) => Promise<never>): EventLog {
  let opened = 0;
  return {
    ...log,
    async openWriter(...args) {
      const writer = await log.openWriter(...args);
      return (opened += 1) > 1 ? writer : { ...writer, commit: (transaction) => commit(writer, transaction) };
    },
  };
}
const lost = () => Promise.reject(new StreamError('COMMIT_UNCERTAIN', 'no answer'));

describe('a change of policies', () => {
  it('says who, why, and what was before and is after', async () => {
    const { log, apply } = startLog();
    await apply({ a: policy('a', 1), b: policy('b', 1) });
    await apply({ a: policy('a', 2) }, { retireMissing: true, author: 'bob', reason: 'scan more' });
    const { events, inForce } = await readPolicyLog(log, jsonCodec);
    const [a1, b1, a2, b2] = events as readonly [PolicyPublished, PolicyPublished, PolicyPublished, PolicyEvent];
    assert.deepEqual(
      events.map(({ type, data }) => [type, data.policyId, data.author, data.reason, data.previousSha256]),
      [
        ['PolicyPublished', 'a', 'ann', 'because', null],
        ['PolicyPublished', 'b', 'ann', 'because', null],
        ['PolicyPublished', 'a', 'bob', 'scan more', a1.data.documentSha256],
        ['PolicyRetired', 'b', 'bob', 'scan more', b1.data.documentSha256],
      ],
    );
    assert.deepEqual([...inForce.keys()], ['a']);
    assert.deepEqual(
      [a1.meta.correlationId, a2.meta.correlationId],
      [b1.meta.correlationId, b2.meta.correlationId],
      'they belong together',
    );
    assert.equal(a2.meta.causationId, a1.meta.id);
  });

  it('lies after all that is in the log, whatever clock wrote that', async () => {
    const { log, apply, append } = startLog();
    await apply({ a: policy('a', 1) });
    const [first] = (await readPolicyLog(log, jsonCodec)).events;
    const timeMs = first!.meta.timeMs + 3_600_000;
    append(topics.policies, 'a', { ...first!, meta: { ...first!.meta, id: 'later', timeMs } });
    await apply({ a: policy('a', 2) });
    assert.equal((await readPolicyLog(log, jsonCodec)).events.at(-1)!.meta.timeMs, timeMs + 1);
  });

  it('of nothing says nothing', async () => {
    const { memory, apply } = startLog();
    await apply({ a: policy('a', 1) });
    const { code, out } = await apply({ a: policy('a', 1) });
    assert.equal(code, 0);
    assert.match(out, /0 added, 0 changed, 0 retired, 1 unchanged\nnothing to publish/);
    assert.equal(memory.keys(topics.policies.name).length, 1);
  });

  it('leaves in force what is not in the folder, unless told otherwise', async () => {
    const { log, apply } = startLog();
    await apply({ a: policy('a', 1) });
    const { out } = await apply({ b: policy('b', 1) });
    assert.match(out, /kept a: in force and not in the folder; --retire-missing retires them/);
    assert.deepEqual([...(await readPolicyLog(log, jsonCodec)).inForce.keys()], ['a', 'b']);
  });

  it('is refused as a whole where the log is no longer as the plan says', async () => {
    const { memory, log, apply } = startLog();
    await apply({ a: policy('a', 1) });
    const { base } = await readPolicyLog(log, jsonCodec);
    await apply({ a: policy('a', 2) });
    await apply({ a: policy('a', 1) });
    await assert.rejects(apply({ a: policy('a', 3) }, { base }), isOutdated(/the plan was made against [0-9a-f]{12}, and the log is at/));
    assert.equal(memory.keys(topics.policies.name).length, 3, 'also where the same text is back');
    const now = (await readPolicyLog(log, jsonCodec)).base;
    assert.equal((await apply({ a: policy('a', 3) }, { base: now })).code, 0);
  });

  it('is refused where somebody publishes after the plan was made, and before it is carried out', async () => {
    const { memory, log, apply } = startLog();
    let isFirst = true;
    const raced: EventLog = {
      ...log,
      async openWriter(...args) {
        if (isFirst) {
          isFirst = false;
          await apply({ a: policy('a', 7) });
        }
        return log.openWriter(...args);
      },
    };
    await assert.rejects(apply({ a: policy('a', 1) }, {}, raced), isOutdated(/and the log is at/));
    assert.equal(memory.keys(topics.policies.name).length, 1);
  });

  it('is refused where somebody else begins to publish before its end', async () => {
    const { memory, log, apply } = startLog();
    const raced = withFirstCommit(log, async (writer, transaction) => {
      await apply({ a: policy('a', 7) });
      return (await writer.commit(transaction)) as never;
    });
    await assert.rejects(apply({ a: policy('a', 1) }, {}, raced), isOutdated(/somebody else is publishing policies at this moment/));
    assert.equal(memory.keys(topics.policies.name).length, 1);
  });

  it('is made once where its answer was lost', async () => {
    const { memory, log, apply } = startLog();
    const arrived = withFirstCommit(log, async (writer, transaction) => (await writer.commit(transaction), lost()));
    assert.match((await apply({ a: policy('a', 1), b: policy('b', 1) }, {}, arrived)).out, /published as change/);
    assert.deepEqual(memory.keys(topics.policies.name), ['a', 'b']);
  });

  it('is made once where it never arrived', async () => {
    const { memory, log, apply } = startLog();
    assert.match((await apply({ a: policy('a', 1) }, {}, withFirstCommit(log, lost))).out, /published as change/);
    assert.deepEqual(memory.keys(topics.policies.name), ['a']);
  });

  it('says so where no answer comes at all', async () => {
    const { log, apply } = startLog();
    const dead: EventLog = { ...log, openWriter: async (...args) => ({ ...(await log.openWriter(...args)), commit: lost }) };
    await assert.rejects(apply({ a: policy('a', 1) }, {}, dead), (error: unknown) => error instanceof StreamError);
  });

  it('publishes nothing where one policy is wrong', async () => {
    const { memory, apply } = startLog();
    await assert.rejects(apply({ a: policy('a', 1), b: 'kind: [' }), isOutdated(/none was published:\n.*b\.yaml:1:8/));
    assert.equal(memory.keys(topics.policies.name).length, 0);
  });

  it('is not stopped by a record that cannot be read', async () => {
    const { memory, log, apply } = startLog();
    memory.append({ topic: topics.policies.name, partition: 0, key: 'x', value: Buffer.from('?'), headers: {} });
    assert.equal((await apply({ a: policy('a', 1) })).code, 0);
    assert.deepEqual([...(await readPolicyLog(log, jsonCodec)).inForce.keys()], ['a']);
  });
});
