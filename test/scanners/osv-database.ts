import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** The part of an advisory that a test says; the rest is the same for all. Format: OSV schema 1.6. */
export type Advisory = {
  readonly id: string;
  /** As OSV names it, with the release where it has some: `npm`, `PyPI`, `Debian:12`. */
  readonly ecosystem: string;
  readonly package: string;
  readonly fixed?: string;
  readonly aliases?: readonly string[];
  readonly severity?: readonly { readonly type: string; readonly score: string }[];
  /** Of this package alone. */
  readonly packageSeverity?: readonly { readonly type: string; readonly score: string }[];
  /** GitHub's and Bitnami's word. */
  readonly word?: string;
};

/** An offline database of our own, where osv-scanner looks for one: `<cacheDir>/osv-scalibr/<ecosystem>/all.zip`. */
export function writeOsvDatabase(cacheDir: string, advisories: readonly Advisory[]): void {
  const byEcosystem = Map.groupBy(advisories, ({ ecosystem }) => ecosystem.split(':')[0]!);
  for (const [ecosystem, members] of byEcosystem) {
    const directory = join(cacheDir, 'osv-scalibr', ecosystem);
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'all.zip'),
      zipOf(members.map((advisory) => [`${advisory.id}.json`, JSON.stringify(documentOf(advisory))])),
    );
  }
}

function documentOf({ id, ecosystem, package: name, fixed, aliases, severity, packageSeverity, word }: Advisory): object {
  const type = ecosystem === 'npm' ? 'SEMVER' : 'ECOSYSTEM';
  const events = [{ introduced: '0' }, ...(fixed === undefined ? [] : [{ fixed }])];
  return {
    schema_version: '1.6.0',
    id,
    published: '2026-01-01T00:00:00Z',
    modified: '2026-01-01T00:00:00Z',
    summary: `A sample advisory on ${name}`,
    aliases,
    severity,
    affected: [{ package: { ecosystem, name }, severity: packageSeverity, ranges: [{ type, events }] }],
    database_specific: word === undefined ? undefined : { severity: word },
  };
}

/** Stored, not compressed. Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. */
function zipOf(files: readonly (readonly [name: string, text: string])[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of files) {
    const bytes = Buffer.from(text);
    const common = Buffer.alloc(26); // From "version needed" to "extra field length", the same in both headers.
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8); // 1 January 1980, the earliest there is.
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.byteLength, 14);
    common.writeUInt32LE(bytes.byteLength, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), bytes]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name)]));
    locals.push(local);
    offset += local.byteLength;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(entries.byteLength, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, entries, Buffer.from('PK\x05\x06'), end]);
}
