// Tools that share no code with Waybill and read what it wrote.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { toolsDir } from '../../infra/local/paths.ts';
import { ensureKafka, findProgram } from '../../infra/local/tools.ts';

/** kcat: from the PATH, else out of Debian's packages, unpacked among our own tools. @throws Error that says how to get it */
export async function ensureKcat(): Promise<(...args: readonly string[]) => Promise<string>> {
  const found = findProgram('kcat');
  if (found) return async (...args) => (await execa(found, [...args])).stdout;
  const folder = join(toolsDir(), 'kcat');
  if (!existsSync(folder)) await unpackKcat(folder);
  const libraries = join(folder, 'usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  return async (...args) => (await execa(join(folder, 'usr/bin/kcat'), [...args], { env: { LD_LIBRARY_PATH: libraries } })).stdout;
}

async function unpackKcat(folder: string): Promise<void> {
  mkdirSync(toolsDir(), { recursive: true });
  const draft = mkdtempSync(join(toolsDir(), 'kcat.draft-'));
  try {
    await execa('apt-get', ['update', '-qq'], { reject: false }); // Fails where it is not allowed; the lists may be there.
    await execa('apt-get', ['download', 'kcat', 'librdkafka1', 'libyajl2', 'liblz4-1'], { cwd: draft });
    await execa('sh', ['-c', 'for package in *.deb; do dpkg -x "$package" .; done; rm -f *.deb'], { cwd: draft });
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw new Error('kcat is not here and cannot be had from Debian packages: install kcat (or kafkacat as kcat) and run again', {
      cause: error,
    });
  }
}

const avroVersion = '1.12.1';

/** Decodes an Avro datum with the reference implementation in Java. */
export async function decodeAvro(schema: string, datum: Buffer, dir: string): Promise<unknown> {
  const jar = join(toolsDir(), `avro-${avroVersion}.jar`);
  if (!existsSync(jar)) {
    const artifact = `-Dartifact=org.apache.avro:avro:${avroVersion}`;
    await execa('mvn', ['-q', '-B', 'dependency:copy', artifact, `-DoutputDirectory=${toolsDir()}`]);
  }
  const kafkaLibs = await ensureKafka(); // Has Jackson and slf4j, which Avro wants.
  writeFileSync(join(dir, 'schema.avsc'), schema);
  writeFileSync(join(dir, 'datum.bin'), datum);
  const classPath = [jar, join(kafkaLibs, '*')].join(':');
  const program = join(import.meta.dirname, 'DecodeAvro.java');
  const { stdout } = await execa('java', ['-cp', classPath, program, join(dir, 'schema.avsc'), join(dir, 'datum.bin')]);
  return JSON.parse(stdout);
}
