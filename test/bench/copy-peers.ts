import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { compileCache, repositoryRoot } from '../../infra/local/paths.ts';
import { ensureGoTool } from '../../infra/local/tools.ts';
import type { ImageName, ImageSet } from './copy-images.ts';
import { ensureGoProgram } from './go-program.ts';

/** From where to where: `host:port` of two registries. */
export type Route = { readonly source: string; readonly target: string };
export type Command = readonly string[];
export type PeerTool = 'crane' | 'regctl' | 'regsync' | 'skopeo';

export type ProcessFigures = {
  /** By the clock, from the start of the first process to the end of the last. */
  readonly seconds: number;
  readonly cpuS: number;
  /** Of the largest process. */
  readonly rssPeakMib: number;
};

/** One way of a peer to copy a set of images. */
export type Peer = {
  readonly name: string;
  readonly tool: PeerTool;
  /** Whether what refers to the images goes along. */
  readonly hasReferrers: boolean;
  readonly commands: (program: string, route: Route, set: ImageSet, dir: string) => readonly Command[];
};

type Each = (program: string, from: string, to: string, route: Route) => Command;

const eachImage =
  (each: Each) =>
  (program: string, route: Route, { images }: ImageSet): readonly Command[] =>
    images.map(({ repository, tag }) =>
      each(program, `${route.source}/${repository}:${tag}`, `${route.target}/${repository}:${tag}`, route),
    );

const insecureHosts = ({ source, target }: Route): readonly string[] =>
  [source, target].flatMap((host) => ['--host', `reg=${host},tls=disabled`]);

const crane: Each = (program, from, to) => [program, 'copy', from, to];
const regctl: Each = (program, from, to, route) => [program, ...insecureHosts(route), 'image', 'copy', from, to];
const regctlReferrers: Each = (program, from, to, route) => [
  ...[program, ...insecureHosts(route), 'image', 'copy', '--referrers'],
  ...[from, to],
];
const skopeo: Each = (program, from, to) => [
  ...[program, 'copy', '-q', '--all', '--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false'],
  ...[`docker://${from}`, `docker://${to}`],
];

const repositoriesOf = ({ images }: ImageSet): readonly string[] => [...new Set(images.map(({ repository }) => repository))];

const craneAllTags: Peer['commands'] = (program, { source, target }, set) =>
  repositoriesOf(set).map((repository) => [program, 'copy', '--all-tags', `${source}/${repository}`, `${target}/${repository}`]);

const regsync: Peer['commands'] = (program, { source, target }, set, dir) => {
  const path = join(dir, 'regsync.yaml');
  const config = {
    version: 1,
    creds: [source, target].map((registry) => ({ registry, tls: 'disabled' })),
    defaults: { parallel: 4 },
    sync: repositoriesOf(set).map((repository) => ({
      ...{ source: `${source}/${repository}`, target: `${target}/${repository}`, type: 'repository' },
    })),
  };
  writeFileSync(path, stringify(config));
  return [[program, 'once', '-c', path]];
};

const skopeoSync: Peer['commands'] = (program, { source, target }, set, dir) => {
  const path = join(dir, 'skopeo-sync.yaml');
  const tagsOf = (repository: string) => set.images.filter((image: ImageName) => image.repository === repository).map(({ tag }) => tag);
  const images = Object.fromEntries(repositoriesOf(set).map((repository) => [repository, tagsOf(repository)]));
  writeFileSync(path, stringify({ [source]: { 'tls-verify': false, images } }));
  // It names repositories at the target by the last part of their name.
  const parent = repositoriesOf(set)[0]!.split('/').slice(0, -1).join('/');
  const insecure = ['--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false'];
  return [[program, 'sync', '--all', ...insecure, '--src', 'yaml', '--dest', 'docker', path, `${target}/${parent}`]];
};

/** One process per image. */
export const singly: readonly Peer[] = [
  { name: 'skopeo', tool: 'skopeo', hasReferrers: false, commands: eachImage(skopeo) },
  { name: 'crane', tool: 'crane', hasReferrers: false, commands: eachImage(crane) },
  { name: 'regctl', tool: 'regctl', hasReferrers: false, commands: eachImage(regctl) },
];
export const withReferrers: Peer = {
  ...{ name: 'regctl --referrers', tool: 'regctl', hasReferrers: true },
  commands: eachImage(regctlReferrers),
};
/** One process for all, or for all tags of a repository. */
export const inBulk: readonly Peer[] = [
  { name: 'skopeo sync', tool: 'skopeo', hasReferrers: false, commands: skopeoSync },
  { name: 'crane --all-tags', tool: 'crane', hasReferrers: false, commands: craneAllTags },
  { name: 'regsync', tool: 'regsync', hasReferrers: false, commands: regsync },
];

/** Our own command line. */
export const waybill: Command = [process.execPath, join(repositoryRoot, 'apps/cli/src/main.ts')];

/** All images through one process. */
export function waybillCommand({ source, target }: Route, { images }: ImageSet, dir: string): Command {
  const path = join(dir, 'images.txt');
  const lines = images.map(({ repository, tag }) => `${source}/${repository}:${tag} ${target}/${repository}:${tag}\n`);
  writeFileSync(path, lines.join(''));
  return [...waybill, 'image', 'copy', '--quiet', '--concurrency', '8', '--from-file', path];
}

/** @returns path of the program, built at its first use */
export const ensurePeerTool = (tool: PeerTool): Promise<string> => (tool === 'skopeo' ? ensureGoProgram(tool) : ensureGoTool(tool));

/** @throws Error with the end of what the failed one has said */
export async function runTimed(dir: string, commands: readonly Command[]): Promise<ProcessFigures> {
  const timed = await ensureGoProgram('timed');
  const [home, logPath] = [join(dir, 'home'), join(dir, 'peer.log')];
  mkdirSync(home, { recursive: true });
  // A home of its own: nobody's credentials or settings. What Node has compiled is kept, as it is from the second call on anywhere.
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: dir, ...compileCache };
  const options = { input: JSON.stringify(commands), env, extendEnv: false, reject: false } as const;
  const ended = await execa(timed, ['-log', logPath], options);
  if (ended.failed) throw new Error(`${ended.stderr}\n${readFileSync(logPath, 'utf8').slice(-2_000)}`);
  return JSON.parse(ended.stdout) as ProcessFigures;
}
