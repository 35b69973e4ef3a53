import { spawnSync } from 'node:child_process';
import { InfraError } from './errors.ts';

export type Needs = {
  /** Java, and Maven to bring what runs on it; not needed for a Kafka and a schema registry that run elsewhere. */
  readonly java: boolean;
  readonly maven: boolean;
};

export const nodeMajorMin = 24;
export const javaMajorMin = 17;

/** From `java -version`: `17.0.15` is 17, `1.8.0_402` is 8. @returns undefined when there is no version in it */
export function parseJavaMajor(output: string): number | undefined {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  if (first === undefined) return undefined;
  return first === '1' && second !== undefined ? Number(second) : Number(first);
}

export type Found = { readonly nodeMajor: number; readonly javaMajor: number | undefined; readonly hasMaven: boolean };

const elsewhere = [
  'Or run Kafka and the schema registry elsewhere: KAFKA_BROKERS=host:port SCHEMA_REGISTRY_URL=http://host:port/apis/ccompat/v7 npm start',
  'With containers: see infra/compose/README.md.',
];

/** What is missing, each with how to get it; empty when all is there. */
export function findMissing(found: Found, needs: Needs): readonly string[] {
  const missing: string[] = [];
  if (found.nodeMajor < nodeMajorMin) {
    missing.push(
      `Node ${nodeMajorMin} or later, this is ${found.nodeMajor}: start with npm start after npm ci, which brings the right one.`,
    );
  }
  if (needs.java && (found.javaMajor === undefined || found.javaMajor < javaMajorMin)) {
    const have = found.javaMajor === undefined ? 'none found' : `this is ${found.javaMajor}`;
    missing.push(
      `Java ${javaMajorMin} or later (${have}): apt install openjdk-17-jre-headless, brew install openjdk@17, or your JDK's installer.`,
    );
  }
  if (needs.maven && !found.hasMaven) missing.push('Maven 3.6 or later: apt install maven, or brew install maven.');
  return missing.length === 0 || !(needs.java || needs.maven) ? missing : [...missing, ...elsewhere];
}

/** @throws InfraError `TOOL_MISSING` naming all that is missing */
export function checkMachine(needs: Needs): void {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 20_000 });
  const found = {
    nodeMajor: Number(process.versions.node.split('.')[0]),
    javaMajor: java.error === undefined ? parseJavaMajor(`${java.stderr}${java.stdout}`) : undefined,
    hasMaven: !needs.maven || spawnSync('mvn', ['--version'], { timeout: 20_000 }).status === 0,
  };
  const missing = findMissing(found, needs);
  if (missing.length > 0) throw new InfraError('TOOL_MISSING', `This machine lacks:\n${missing.map((line) => `  - ${line}`).join('\n')}`);
}
