// A process that runs one scan, to be killed in the middle of it: `node slow-scan.fixture.ts <scratchDir> <command>`.
import { createScanner } from './scanner.ts';
import { target } from './testing.fixture.ts';

const [scratchDir = '', command = ''] = process.argv.slice(2);
const accessOf = async () => ({ plainHttp: true, username: 'robot', password: 'hunter2-hunter2' });
const scanner = createScanner({ command, scratchDir, timeoutMs: 60_000, env: process.env, envPassed: ['TINY_'], accessOf });
await scanner.scan({ ...target, repository: 'demo/stubborn' }, new AbortController().signal);
