import { findPlatform, formatPlatform } from '@waybill/domain';

/** Platforms in one spelling, each once, in order; what is none stays as it is. */
export const normalized = (platforms: readonly string[]): readonly string[] => [...new Set(platforms.map(spelt))].toSorted();

function spelt(text: string): string {
  const platform = findPlatform(text);
  return platform === undefined ? text : formatPlatform(platform);
}
