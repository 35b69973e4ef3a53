import { spawn } from 'node:child_process';
import { test } from 'node:test';

test('passes, and lets a detached process go on', () => {
  spawn('sleep', ['61.7'], { detached: true, stdio: 'ignore' }).unref();
});
