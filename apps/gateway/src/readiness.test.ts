import assert from 'node:assert/strict';
import { it } from 'node:test';
import { watchAppends } from './readiness.ts';

it('is not ready after an append that failed, until one succeeds or a while has passed', async () => {
  let [now, isAway] = [0, true];
  const { append, ready } = watchAppends(
    () => (isAway ? Promise.reject(new Error('no broker')) : Promise.resolve()),
    () => now,
  );
  assert.equal(ready(), true);
  await assert.rejects(append([]), /no broker/);
  assert.match(String(ready()), /did not acknowledge/);
  now += 5_000;
  assert.equal(ready(), true, 'otherwise a balancer would never send what shows that the log is back');
  await assert.rejects(append([]));
  isAway = false;
  await append([]);
  assert.equal(ready(), true);
});
