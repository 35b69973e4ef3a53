export { registryConformance } from './conformance.ts';
export type { RegistryUnderTest } from './conformance.ts';
export { startFakeRegistry } from './fake-registry.ts';
export type { FakeRegistry, FakeRegistryOptions } from './fake-registry.ts';
export type { Fault } from './fake-faults.ts';
export type { NotificationTarget } from './fake-notifications.ts';
export { writeIndexLayout } from './oci-layout.ts';
export { pushImage, pushIndex, pushReferrer, randomImage, tarOf } from './random-image.ts';
export type { ImageOptions, PushTarget, Referrer, TestImage } from './random-image.ts';
