// A process that appends to the spool of a folder, group after group, and says what was promised: `node writer.fixture.ts <dir>`.
import { writeSync } from 'node:fs';
import { filesIn } from './files.ts';
import { lockFolder } from './lock.ts';
import { openSpool } from './spool.ts';

const dir = process.argv[2]!;
const stdout = 1;
lockFolder(dir);
const spool = await openSpool({
  ...{ files: filesIn(dir), bytesMax: 2 ** 30, segmentBytes: 200_000 },
  ...{ salt: () => 7, onNotice: () => undefined },
});
for (let id = 0, groupCount = 1; ; groupCount = (groupCount % 7) + 1) {
  const ids = Array.from({ length: groupCount }, () => id++);
  try {
    await spool.append(ids.map((one) => Buffer.from(`${one} ${'x'.repeat((one * 977) % 5_000)}`)));
    writeSync(stdout, ids.map((one) => `${one}\n`).join(''));
  } catch (error) {
    writeSync(stdout, `refused ${(error as { readonly code: string }).code}\n`);
    break;
  }
}
