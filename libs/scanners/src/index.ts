export type { ScanTarget } from './adapters/adapter.ts';
export { placeholderNames } from './command.ts';
export type { ScannerErrorCode } from './errors.ts';
export { createScanner } from './scanner.ts';
export type { Scanner, ScannerOptions, Verdict } from './scanner.ts';
export type { RegistryAccess } from './scratch.ts';
export { sweepScratch } from './sweep.ts';
export type { Swept } from './sweep.ts';
