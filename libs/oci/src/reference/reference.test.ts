import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OciError } from '../host/errors.ts';
import { formatReference, parseReference } from './reference.ts';

const sha256 = `sha256:${'0123456789abcdef'.repeat(4)}`;
const sha512 = `sha512:${'0123456789abcdef'.repeat(8)}`;

const refusedWith = (pattern: RegExp) => (error: unknown) =>
  error instanceof OciError && error.code === 'REFERENCE_INVALID' && pattern.test(error.message);

describe('a reference', () => {
  it('is filled up as Docker does', () => {
    const { reference, ...parts } = parseReference('alpine');
    assert.deepEqual(parts, { host: 'docker.io', repository: 'library/alpine', tag: 'latest', digest: undefined });
    assert.equal(reference, 'latest');
  });

  it('asks for its digest, where it has one, and keeps its tag for the reader', () => {
    const { reference, tag, digest } = parseReference(`r.example/team/app:v1@${sha512}`);
    assert.deepEqual([reference, tag, digest], [sha512, 'v1', sha512]);
    assert.equal(parseReference(`r.example/team/app@${sha256}`).tag, undefined);
  });

  it('is refused in words that say what would be right', () => {
    const advice: Readonly<Record<string, RegExp>> = {
      '': /is empty: write \[host\/\]repository/,
      'https://r.example/app': /leave out all before the host/,
      [sha256.slice('sha256:'.length)]: /is an image id/,
      'r.example/Team/App': /write "team\/app"/,
      'Team/app': /lower case \("team\/app"\)/,
      'r.example/app:': /write a tag after it/,
      [`r.example/app:${'x'.repeat(129)}`]: /tag of 129 characters; 128/,
      [`r.example/${'x'.repeat(256)}`]: /256 characters; 255/,
      [`r.example/app@sha384:${'0'.repeat(96)}`]: /write sha256:<hex> or sha512:<hex>/,
      [`r.example/app@${sha256.slice(1)}`]: /the digest "ha256:/,
      [`r.example/app@${sha256.slice(0, -1)}`]: /sha256: and 64 digits/,
      '::1/app': /in brackets/,
      'r.example:99999/app': /from 1 to 65535/,
      '127.1/app': /four numbers/,
      'r.example/:v1': /has no repository/,
      [`r.example/${'x'.repeat(1_015)}`]: /1025 characters; 1024/,
    };
    for (const [text, pattern] of Object.entries(advice)) assert.throws(() => parseReference(text), refusedWith(pattern), text);
  });

  it('gives nothing of a password away, nor a line of its own to a log', () => {
    for (const text of [
      'user:hunter2@r.example/app',
      'https://user:hunter2@r.example/app',
      'r.example/user:hunter2@x/app:v1',
      'user:hunter2@r.example',
      'user:hunt/er2:hunter2@r',
    ]) {
      assert.throws(
        () => parseReference(text),
        (error: Error) => !error.message.includes('hunter2'),
        text,
      );
    }
    assert.throws(
      () => parseReference('app\nlevel=info'),
      (error: Error) => !error.message.includes('\n'),
    );
  });

  const part = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
  const host = fc.constantFrom('docker.io', 'localhost', 'r.example', 'r.example:5000', '127.0.0.1:1', '[::1]', '[2001:db8::1]:443', 'h:1');
  const repository = fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/'));
  const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/), { nil: undefined });
  const digest = fc.option(fc.constantFrom(sha256, sha512), { nil: undefined });

  it('written in full is read as what it was', () =>
    fc.assert(
      fc.property(host, repository, tag, digest, (...[h, r, t, d]) => {
        const text = `${h}/${r}${t === undefined ? '' : `:${t}`}${d === undefined ? '' : `@${d}`}`;
        const read = parseReference(text);
        assert.deepEqual([read.host, read.repository, read.digest], [h, r, d]);
        assert.equal(read.tag, t ?? (d === undefined ? 'latest' : undefined));
        assert.deepEqual(parseReference(formatReference(read)), read);
      }),
    ));

  it('may be any text: it is read, or refused as an OciError', () => {
    const pieces = fc.constantFrom(
      '/',
      ':',
      '@',
      '.',
      '-',
      '_',
      '[',
      ']',
      'a',
      'A',
      '0',
      'sha256',
      sha256,
      'localhost',
      '\n',
      '\u{212A}',
      '😀',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((all) => all.join('')),
        ),
        (text) => {
          try {
            const read = parseReference(text);
            assert.deepEqual(parseReference(formatReference(read)), read);
          } catch (error) {
            assert.ok(error instanceof OciError && error.code === 'REFERENCE_INVALID' && error.message.length < 600, String(error));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('of any length is answered at once', () => {
    const hostile = ['a', 'a-', 'a.', 'a/', '-', '_', ':', '@', '[', '/', 'A', '0:', '@a/', '[::1]'];
    for (const piece of hostile) {
      for (const length of [1_000, 100_000]) {
        const text = piece.repeat(length / piece.length);
        for (const whole of [text, `${text}!`, `r.example/${text}!`, `${text}/a`, `h:5/a:${text}!`, `a@${text}!`]) {
          assert.throws(() => parseReference(whole), OciError, `${piece} × ${length}`);
        }
      }
    }
  });
});
