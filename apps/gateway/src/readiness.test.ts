import assert from 'node:assert/strict';
import { it } from 'node:test';
import { watchSends } from './readiness.ts';

it('is not ready after a send that failed, until one succeeds or a while has passed', async () => {
  let [now, isAway] = [0, true];
  const { send, ready } = watchSends<readonly string[]>(
    () => (isAway ? Promise.reject(new Error('no broker')) : Promise.resolve()),
    () => now,
  );
  assert.equal(ready(), true);
  await assert.rejects(send([]), /no broker/);
  assert.match(String(ready()), /did not acknowledge/);
  now += 5_000;
  assert.equal(ready(), true, 'otherwise a balancer would never send what shows that the log is back');
  await assert.rejects(send([]));
  isAway = false;
  await send([]);
  assert.equal(ready(), true);
});

it('is not ready while a send hangs', async () => {
  let now = 0;
  const hanging = Promise.withResolvers<void>();
  const { send, ready } = watchSends(
    () => hanging.promise,
    () => now,
  );
  const sent = send(undefined);
  assert.equal(ready(), true);
  now += 20_000;
  assert.match(String(ready()), /answers/);
  hanging.resolve();
  await sent;
  assert.equal(ready(), true);
});
