import { after, afterEach, before } from 'node:test';
import type { Digest } from '@waybill/domain';
import {
  pushImage,
  pushIndex,
  pushReferrer,
  randomImage,
  startFakeRegistry,
  type FakeRegistry,
  type FakeRegistryOptions,
} from '@waybill/testing';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { findManifestDigest } from '../manifest/manifest.ts';
import { createCopier } from './copier.ts';
import type { CopyReport, CopyRequest } from './copy-request.ts';

export type Ends = {
  readonly source: FakeRegistry;
  readonly target: FakeRegistry;
  readonly from: RegistryClient;
  readonly to: RegistryClient;
  readonly signal: AbortSignal;
  /** A repository that nobody has used. */
  readonly fresh: () => string;
  /** From the source to the same repository of the target, by a copier that knows nothing. */
  readonly copy: (repository: string, reference: string, more?: Partial<CopyRequest>) => Promise<CopyReport>;
  readonly request: (repository: string, reference: string, more?: Partial<CopyRequest>) => CopyRequest;
  readonly tagAt: (client: RegistryClient, repository: string, tag?: string) => Promise<Digest | undefined>;
  /** What the target was asked since. */
  readonly asked: () => () => readonly string[];
};

/** Two registries for the tests of a suite; what fails in one test is healed before the next. */
export function useEnds(options: { readonly source?: FakeRegistryOptions; readonly target?: FakeRegistryOptions } = {}): () => Ends {
  let ends: Ends | undefined;
  let repositoriesCount = 0;
  before(async () => {
    const [source, target] = [await startFakeRegistry(options.source), await startFakeRegistry(options.target)];
    // A request that fails is not tried again: what a copy does then is what is looked at.
    const [from, to] = [source, target].map(({ host }) =>
      createRegistryClient({ name: `r${host.split(':')[1]}`, host, plainHttp: true }, { answerMs: 2_000, idleMs: 2_000, repeatMsMax: 0 }),
    );
    const signal = AbortSignal.timeout(60_000);
    const request: Ends['request'] = (repository, reference, more = {}) => ({
      ...{ source: { client: from!, repository }, target: { client: to!, repository }, reference, tag: 'v1', signal },
      ...more,
    });
    ends = {
      ...{ source, target, from: from!, to: to!, signal, request },
      fresh: () => `team/app${repositoriesCount++}`,
      copy: (repository, reference, more) => createCopier().copy(request(repository, reference, more)),
      tagAt: (client, repository, tag = 'v1') => findManifestDigest(client, { repository, reference: tag }, signal),
      asked: () => {
        const start = target.requests.length;
        return () => target.requests.slice(start);
      },
    };
  });
  afterEach(() => [ends!.source, ends!.target].forEach((registry) => registry.heal()));
  after(async () => {
    await Promise.all([ends!.from, ends!.to].map((client) => client.close()));
    await Promise.all([ends!.source, ends!.target].map((registry) => registry.close()));
  });
  return () => ends!;
}

/** An index of two platforms, signed, with a signed SBOM on one platform. */
export async function pushSigned(client: RegistryClient, repository: string): Promise<{ digest: Digest; child: Digest; sbom: Digest }> {
  const images = [randomImage(), randomImage({ architecture: 'arm64' })];
  const index = await pushIndex({ client, repository, tag: 'v1' }, images);
  const child = images[0]!.manifest.descriptor;
  await pushReferrer({ client, repository }, { subject: index, artifactType: 'application/vnd.test.signature', payload: 'index' });
  const sbom = await pushReferrer({ client, repository }, { subject: child, artifactType: 'application/vnd.test.sbom', payload: 'sbom' });
  await pushReferrer({ client, repository }, { subject: sbom, artifactType: 'application/vnd.test.signature', payload: 'on the sbom' });
  return { digest: index.digest, child: child.digest, sbom: sbom.digest };
}

export const digestTagOf = (subject: Digest, ending: string): string => `${subject.replace(':', '-')}.${ending}`;

/** A signature as old cosign keeps it. */
export const pushDigestTag = async (client: RegistryClient, repository: string, subject: Digest, ending: string): Promise<Digest> =>
  (await pushImage({ client, repository, tag: digestTagOf(subject, ending) }, randomImage())).digest;

/** How many of the parts had which outcome. */
export const outcomesOf = (parts: readonly { readonly outcome: string }[]): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(Object.groupBy(parts, ({ outcome }) => outcome)).map(([outcome, those]) => [outcome, those!.length]));
