import type { RegistryClient } from '@waybill/oci';

/** A registry that the conformance rules are tried on; known only once it has started. */
export type UnderTest = { readonly client: () => RegistryClient; readonly host: () => string; readonly signal: AbortSignal };
