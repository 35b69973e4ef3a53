import fc from 'fast-check';

const atom = fc.constantFrom(
  ...["image.tag == 'v1'", "image.tag.matches('^v[0-9]|a$')", "image.repository.startsWith('a')", "image.registry in ['a.test', 'b.test']"],
  ...[
    "image.tenant == 't1'",
    "image.kind != 'artifact'",
    'size(image.labels) < 2',
    'image.sizeBytes / 2 < 10',
    "'linux/amd64' in image.platforms",
  ],
  ...["image.labels.team == 'core'", 'has(image.labels.tier)', "'kinds' in image.labels", "image.labels.constructor == '1'"],
  ...["image.labels.exists(k, image.labels[k] == 'core')", "image.labels.all(k, image.labels[k] != '*')", "int('7') > size(image.labels)"],
  ...["scan.worst == 'low'", "severity(scan.worst) <= severity('high')", 'scan.failed', 'has(scan.worst)', 'scan.ageHours < 24'],
  ...["scan.findings.exists(f, severity(f.severity) > severity('medium'))", 'scan.counts.high < 1', '1 / size(scan.findings) == 1'],
  ...['size(signatures) > 0', 'signatures.exists(s, has(s.key) && s.key.size() > 3)', "sboms.all(s, s.format == 'spdx')"],
  ...["registry.region == 'r1'", 'has(registry.jurisdiction)', "registry.role == 'primary'", 'usage.pulls30Days > 1'],
  ...['time.hour < 6', "time.weekday in ['saturday', 'sunday']", "time.now < timestamp('2026-01-10T12:00:00Z')", 'true', 'false'],
);

/** Conditions about what images, their scans and their surroundings have in these tests; a good part of them fails on many images. */
export const anyCondition: fc.Arbitrary<string> = fc
  .letrec<{ readonly node: string }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      atom,
      fc.tuple(tie('node'), fc.constantFrom('&&', '||'), tie('node')).map(([left, operator, right]) => `(${left} ${operator} ${right})`),
      tie('node').map((inner) => `!(${inner})`),
      fc.tuple(tie('node'), tie('node'), tie('node')).map(([condition, yes, no]) => `(${condition} ? ${yes} : ${no})`),
      fc
        .tuple(fc.constantFrom('exists', 'all', 'exists_one'), tie('node'))
        .map(([loop, inner]) => `[0, 1].${loop}(n, 1 / n == 1 || ${inner})`),
    ),
  }))
  .node.filter((text) => text.length <= 400 && !nestsLists(text));

/** Two lists in one another are all that there can be, and some of the atoms have one. */
const nestsLists = (text: string): boolean => (text.match(/\[0, 1\]/g)?.length ?? 0) > 1;
