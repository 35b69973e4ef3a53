import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findPlatform, formatPlatform, matchesPlatform } from './platform.ts';

/** As github.com/containerd/platforms v1.0.0-rc.5 normalizes them. */
const sameAs = {
  'linux/amd64': ['linux/x86_64', 'linux/x86-64', 'Linux/AMD64', 'linux/amd64/v1', 'linux/x86_64/v1'],
  'linux/amd64/v2': ['linux/x86_64/v2', 'linux/amd64/V2'],
  'linux/arm64': ['linux/aarch64', 'linux/arm64/v8', 'linux/arm64/8', 'linux/aarch64/v8.0'],
  'linux/arm64/v9': ['linux/arm64/9', 'linux/arm64/9.0', 'linux/arm64/v9.0'],
  'linux/arm/v7': ['linux/arm', 'linux/arm/7', 'linux/armhf', 'linux/armhf/v6'],
  'linux/arm/v6': ['linux/arm/6', 'linux/armel', 'linux/armel/v7'],
  'linux/arm/v5': ['linux/arm/5'],
  'linux/arm/v8': ['linux/arm/8'],
  'linux/386': ['linux/i386', 'linux/i386/v3'],
  'darwin/arm64': ['macos/arm64', 'macOS/aarch64/v8'],
  'linux/riscv64': ['linux/riscv64'],
  'linux/constructor': ['Linux/Constructor'],
  'linux/constructor/length': [],
};

describe('a platform', () => {
  it('is one, however it is written', () => {
    for (const [normal, others] of Object.entries(sameAs)) {
      for (const other of [normal, ...others]) assert.equal(formatPlatform(findPlatform(other)!), normal, other);
    }
  });

  it('matches what is of the same os, architecture and variant', () => {
    const wanted = findPlatform('linux/arm64')!;
    assert.ok(matchesPlatform(wanted, { os: 'linux', architecture: 'arm64', variant: 'v8' }));
    assert.ok(matchesPlatform({ os: 'linux', architecture: 'aarch64' }, { os: 'linux', architecture: 'arm64', variant: null }));
    assert.ok(!matchesPlatform(wanted, { os: 'linux', architecture: 'arm64', variant: 'v9' }));
    assert.ok(!matchesPlatform(wanted, { os: 'windows', architecture: 'arm64' }));
    assert.ok(!matchesPlatform(findPlatform('linux/arm/v6')!, { os: 'linux', architecture: 'arm' }));
    assert.ok(!matchesPlatform(findPlatform('linux/amd64')!, { os: 'linux', architecture: 'amd64', variant: 'v3' }));
    assert.ok(!matchesPlatform(wanted, undefined));
  });

  it('is none when a part is missing, empty or strange', () => {
    const none = ['', 'linux', 'amd64', 'linux/', '/amd64', 'linux/arm/', 'linux/arm/v7/x', 'linux/*', 'linux amd64', 'linux/\u{212A}'];
    for (const text of [...none, `linux/${'a'.repeat(65)}`, '/'.repeat(1_000_000)])
      assert.equal(findPlatform(text), undefined, text.slice(0, 50));
  });
});
