import { after, before, describe } from 'node:test';
import { createRegistryClient, type RegistryClient } from '@waybill/oci';
import { blobRules, uploadRules } from './conformance-blobs.ts';
import { imageRules } from './conformance-images.ts';
import { deletionRules, listRules } from './conformance-lists.ts';
import { partRules, resumptionRules } from './conformance-transfers.ts';
import type { UnderTest } from './under-test.ts';

export type RegistryUnderTest = { readonly host: string; readonly close: () => Promise<unknown> };
/** The registry is there once the first test runs. */

/**
 * What we rely on a registry for, after OCI distribution spec 1.1. Run against the fake registry and against real ones, so that what is
 * tested with the fake holds with them.
 */
export function registryConformance(name: string, start: () => Promise<RegistryUnderTest>): void {
  describe(`${name} as an OCI registry`, () => {
    let registry: RegistryUnderTest | undefined;
    let client: RegistryClient | undefined;
    before(async () => {
      registry = await start();
      client = createRegistryClient({ name: 'under-test', host: registry.host, plainHttp: true });
    });
    after(async () => {
      await client?.close();
      await registry?.close();
    });

    const under: UnderTest = { client: () => client!, host: () => registry!.host, signal: AbortSignal.timeout(60_000) };
    blobRules(under);
    uploadRules(under);
    partRules(under);
    resumptionRules(under);
    imageRules(under);
    listRules(under);
    deletionRules(under);
  });
}
