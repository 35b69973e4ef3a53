import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processConsole } from './console.ts';
import { facts } from './output/facts.ts';
import { byteCount } from './output/text.ts';
import { fakeConsole } from './console.fixture.ts';

const streamOf = (isTTY: boolean) => {
  const written: string[] = [];
  const stream = { isTTY, columns: 40, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
  return { stream, written };
};

describe('progress', () => {
  it('is drawn over itself on a terminal, as many lines as there were, and goes without a trace', () => {
    const { stream, written } = streamOf(true);
    const console = processConsole(stream, stream, {});
    for (const text of ['a\nb\nc', 'd', '', 'e']) console.progress(text);
    assert.deepEqual(written, ['\r\u001b[Ja\nb\nc', '\u001b[2A\r\u001b[Jd', '\r\u001b[J', '\r\u001b[Je']);
    assert.equal(console.progressColumns, 40);
    stream.columns = 20;
    assert.equal(console.progressColumns, 20);
  });

  it('is said now and then elsewhere, and obeys nothing', () => {
    const { stream, written } = streamOf(false);
    const console = processConsole(stream, stream, {});
    for (const text of ['a', 'b', '']) console.progress(text);
    assert.deepEqual([written, console.progressColumns], [['a\n'], null]);
  });
});

describe('facts', () => {
  it('stand beside their names, and go on below where they are long', () =>
    assert.equal(
      facts(
        [
          ['digest', 'sha256:a'],
          ['what', 'one two three four five six seven'],
          ['label \u001b', 'x\ny'],
        ],
        fakeConsole(29).console,
      ),
      ['digest   sha256:a', 'what     one two three four', '         five six seven', 'label \ufffd  x\ufffdy'].join('\n'),
    ));
});

describe('bytes', () => {
  it('are said with the digits that count', () =>
    assert.deepEqual([0, 1, 1_023, 1_024, 1_500, 102_399, 1_048_576, 5 * 2 ** 40, 2 ** 60].map(byteCount), [
      '0 B',
      '1 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '100 KiB',
      '1.0 MiB',
      '5.0 TiB',
      '1048576 TiB',
    ]));
});
