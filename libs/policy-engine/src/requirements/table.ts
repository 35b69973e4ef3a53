import type { Require } from '../document/require.ts';
import type { Compile, Faults, Requirement } from './answer.ts';
import { digestOnly } from './digest-only.ts';
import { labels } from './labels.ts';
import { noFindings } from './no-findings.ts';
import { registries } from './registries.ts';
import { sbom } from './sbom.ts';
import { scan } from './scan.ts';
import { signedBy } from './signed-by.ts';
import { tag } from './tag.ts';

/** All that can be required, in the order in which it is asked: of several that are broken, the first says why. Adding one begins here. */
const table = { registries, tag, digestOnly, labels, scan, noFindings, sbom, signedBy } satisfies {
  readonly [K in keyof Require]-?: Compile<NonNullable<Require[K]>>;
};

/** What a document requires, ready to be asked. */
export const compileRequirements = (require: Require | undefined, faults: Faults): readonly Requirement[] =>
  Object.entries(table).flatMap(([name, compile]) => {
    const wanted = require?.[name as keyof Require];
    return wanted === undefined ? [] : [{ name, clauses: [], ...(compile as Compile<unknown>)(wanted, faults) }];
  });
