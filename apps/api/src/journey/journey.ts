import type { PolicyTrace } from '@waybill/domain';
import type { Place } from '../read-model/rows.ts';

export const stepKinds = [
  'delivered',
  'pushed',
  'deduplicated',
  'inspected',
  'inspection-failed',
  'scan-requested',
  'scanned',
  'scan-failed',
  'scan-reported',
  'decided',
  'copied',
  'copy-failed',
  'parked',
  'retry-requested',
  'drop-requested',
] as const;
export type StepKind = (typeof stepKinds)[number];

/** One event of a journey, in words and with its place in the log. */
export type JourneyStep = Place & {
  readonly kind: StepKind;
  /** What happened, in one line. */
  readonly text: string;
  /** Whether it is bad news for the image. */
  readonly failed: boolean;
  /** When the log took the event, Unix ms. */
  readonly atMs: number;
  readonly sincePreviousMs: number;
  readonly sinceStartMs: number;
  readonly eventId: string;
  readonly correlationId: string;
  readonly timesLogged: number;
  /** Made for another push of the same content, and used for this one. */
  readonly reused: boolean;
  /** Link of the audit chain; null while the audit has not come to it. */
  readonly audit: { readonly partition: number; readonly seq: number } | null;
  readonly details: Readonly<Record<string, unknown>>;
};

export const outcomes = ['copied', 'copying', 'copy-failed', 'allowed', 'denied', 'held', 'recorded', 'superseded', 'under-way'] as const;
export type Outcome = {
  readonly status: (typeof outcomes)[number];
  /** Nothing more will happen to this push by itself. */
  readonly final: boolean;
  /** Why, in plain words. */
  readonly text: string;
  readonly awaiting: readonly string[];
  readonly policyId: string | null;
  /** What each policy said; empty while nothing is decided. */
  readonly trace: readonly PolicyTrace[];
};

/** Slow work of this push that is due or was given up. */
export type JourneyJob = {
  readonly app: string;
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly attempt: number;
  readonly notBeforeMs: number;
  readonly text: string;
};

export type Journey = {
  readonly registry: string;
  readonly repository: string;
  /** The tag asked for, else the push's first; null for a push by digest. */
  readonly tag: string | null;
  readonly digest: string | null;
  readonly correlationId: string;
  readonly pushedAtMs: number;
  readonly outcome: Outcome;
  readonly steps: readonly JourneyStep[];
  readonly jobs: readonly JourneyJob[];
  /** From the first to the last step. */
  readonly tookMs: number;
};
