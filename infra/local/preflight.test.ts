import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findMissing, parseJavaMajor } from './preflight.ts';

const good = { nodeMajor: 26, javaMajor: 17, hasMaven: true };
const needs = { java: true, maven: true };

describe("Java's version", () => {
  it('is read from what each vendor prints', () => {
    assert.equal(parseJavaMajor('openjdk version "17.0.15" 2025-04-15'), 17);
    assert.equal(parseJavaMajor('java version "1.8.0_402"'), 8);
    assert.equal(parseJavaMajor('openjdk version "21" 2023-09-19'), 21);
    assert.equal(parseJavaMajor('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25-ea" 2025-09-16'), 25);
    assert.equal(parseJavaMajor('The operation could not be completed. Unable to locate a Java Runtime.'), undefined);
  });
});

describe('the preflight', () => {
  it('is content with what is needed', () => assert.deepEqual(findMissing(good, needs), []));

  it('names everything missing at once, with how to get it and how to do without', () => {
    const missing = findMissing({ nodeMajor: 18, javaMajor: 11, hasMaven: false }, needs).join('\n');
    for (const part of [/Node 24/, /Java 17 or later \(this is 11\)/, /apt install maven/, /KAFKA_BROKERS=/, /infra\/compose/])
      assert.match(missing, part);
  });

  it('asks for no Java when Kafka and the schema registry run elsewhere', () =>
    assert.deepEqual(findMissing({ ...good, javaMajor: undefined, hasMaven: false }, { java: false, maven: false }), []));

  it('asks for no Maven once all is here', () =>
    assert.deepEqual(findMissing({ ...good, hasMaven: false }, { java: true, maven: false }), []));
});
