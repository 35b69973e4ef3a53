import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Type } from 'typebox';
import { ConfigError } from './config.ts';
import { loadYaml, parseYaml } from './yaml.ts';

const Schema = Type.Object({
  sources: Type.Array(
    Type.Object({
      name: Type.String(),
      port: Type.Integer(),
      kind: Type.Union([Type.Literal('harbor'), Type.Literal('dockerhub')]),
      tls: Type.Optional(Type.Boolean()),
      zone: Type.String({ default: 'eu' }),
    }),
  ),
});
const read = (text: string, env: Record<string, string> = {}) => parseYaml(text, 'sources.yaml', Schema, env);
const refused = (text: string, env: Record<string, string> = {}): string => {
  try {
    read(text, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return assert.fail('nothing was refused');
};
const source = (fields: string): string => `sources:\n  - { ${fields} }\n`;

describe('a YAML file', () => {
  it('is filled from the environment, with defaults', () => {
    const text = source('name: "${NAME}-${ZONE:-eu}", port: "${PORT}", kind: harbor, tls: "${TLS:-true}"');
    assert.deepEqual(read(text, { NAME: 'a', PORT: '5000' }), {
      sources: [{ name: 'a-eu', port: 5000, kind: 'harbor', tls: true, zone: 'eu' }],
    });
  });

  it('keeps digits as text where the schema wants text', () =>
    assert.equal(read(source('name: "${NAME}", port: 1, kind: harbor'), { NAME: '007' }).sources[0]?.name, '007'));

  it('does not turn a written text into a number', () =>
    assert.match(refused(source('name: a, port: "5000", kind: harbor')), /sources\.0\.port must be integer/));

  it('leaves $${NAME} as ${NAME}, and never fills twice', () => {
    assert.equal(read(source('name: "$${NAME}", port: 1, kind: harbor')).sources[0]?.name, '${NAME}');
    assert.equal(read(source('name: "${NAME}", port: 1, kind: harbor'), { NAME: '${HOME}', HOME: '/x' }).sources[0]?.name, '${HOME}');
  });

  it('cannot be given keys by a variable', () =>
    assert.equal(read(source('name: "${NAME}", port: 1, kind: harbor'), { NAME: 'a, tls: true' }).sources[0]?.tls, undefined));

  it('is not filled in its keys', () =>
    assert.match(refused(source('name: a, port: 1, kind: harbor, "${NAME}": true'), { NAME: 'tls' }), /\$\{NAME\} is not a known key/));

  it('is told all faults at once, each with its line and path', () => {
    const message = refused(
      ['sources:', '  - name: a', '    port: x', '    kind: quay', '  - name: ${GONE}', '    prot: 1', '    kind: harbor'].join('\n'),
    );
    assert.match(message, /sources\.yaml:3:\d+ sources\.0\.port must be integer/);
    assert.match(message, /sources\.yaml:4:\d+ sources\.0\.kind must be one of: harbor, dockerhub/);
    assert.match(message, /sources\.yaml:5:\d+ environment variable GONE is not set/);
    assert.match(message, /sources\.yaml:6:\d+ sources\.1\.prot is not a known key/);
    assert.match(message, /sources\.yaml:5:\d+ sources\.1\.port is required/);
  });

  it('lists more than a handful of faults', () => {
    const message = refused(`sources:\n${'  - { name: a, port: x, kind: harbor }\n'.repeat(30)}`);
    assert.equal(message.match(/must be integer/g)?.length, 30);
  });

  it('never shows a value', () => {
    assert.doesNotMatch(refused(source('name: a, port: hunter2, kind: "${K}"'), { K: 'hunter3' }), /hunter/);
    assert.doesNotMatch(refused('sources: "hunter4'), /hunter/);
    assert.doesNotMatch(refused('a: &x hunter5\na: *y'), /hunter/);
  });

  it('is refused when broken, doubled, too nested in aliases, or not there', () => {
    assert.match(refused('sources: ['), /sources\.yaml:1:\d+ is no valid YAML/);
    assert.match(refused('sources: []\nsources: []'), /DUPLICATE_KEY/);
    const bomb = ['a: &a [1,1,1,1,1,1,1,1,1,1]', ...'bcdef'.split('').map((k, i) => `${k}: &${k} [${`*${'abcde'[i]},`.repeat(10)}]`)];
    assert.match(refused(bomb.join('\n')), /aliases/);
    assert.throws(() => loadYaml('/nowhere/sources.yaml', Schema, {}), /\/nowhere\/sources\.yaml cannot be read/);
  });
});
