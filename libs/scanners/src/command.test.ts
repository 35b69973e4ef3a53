import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillPlaceholders, parseCommand, placeholdersIn } from './command.ts';

describe('a command template', () => {
  it('is split at blanks, and quotes keep blanks in', () =>
    assert.deepEqual(parseCommand(`"/opt/my scanner/scan" --format  json '{image}' ""`), [
      ...['/opt/my scanner/scan', '--format', 'json', '{image}', ''],
    ]));

  it('knows nothing of a shell', () =>
    assert.deepEqual(parseCommand('scan {image}; rm -rf $HOME | tee >out `id`'), [
      ...['scan', '{image};', 'rm', '-rf', '$HOME', '|', 'tee', '>out', '`id`'],
    ]));

  it('with an open quote or nothing in it is refused', () => {
    assert.throws(() => parseCommand(`scan "{image}`), /not closed/);
    assert.throws(() => parseCommand('   '), /empty/);
    assert.throws(() => parseCommand('""'), /empty/);
  });

  it('takes values as they are: blanks, quotes and braces in them mean nothing', () => {
    const argv = parseCommand('scan --image={image} {digest}');
    assert.deepEqual(fillPlaceholders(argv, { image: `a b" {digest} $(id)`, digest: 'd' }), ['scan', `--image=a b" {digest} $(id)`, 'd']);
  });

  it('names its placeholders', () => assert.deepEqual([...placeholdersIn(['{image}', '{image}:{tag}', '{}', '{A}'])], ['image', 'tag']));
});
