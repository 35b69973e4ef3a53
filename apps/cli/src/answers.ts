/** What the commands read of the API's answers; `/openapi.json` has all of it. */
export type Step = {
  readonly kind: string;
  readonly text: string;
  readonly failed: boolean;
  readonly atMs: number;
  readonly sincePreviousMs: number;
  readonly eventId: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly reused: boolean;
  readonly audit: { readonly partition: number; readonly seq: number } | null;
};
export type Journey = {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly correlationId: string;
  readonly pushedAtMs: number;
  readonly tookMs: number;
  readonly steps: readonly Step[];
  readonly jobs: readonly { readonly text: string; readonly status: string; readonly notBeforeMs: number }[];
  readonly outcome: {
    readonly status: string;
    readonly final: boolean;
    readonly text: string;
    readonly policyId: string | null;
    readonly trace: readonly { readonly policyId: string; readonly matched: boolean; readonly outcome: string; readonly reason: string }[];
  };
};
export type Journeys = { readonly journeys: readonly Journey[] };

export type Image = {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string | null;
  readonly changedAtMs: number;
  readonly status: string;
  readonly reason: string | null;
  readonly copies: readonly {
    readonly target: string;
    readonly status: string;
    readonly platforms: readonly string[];
    readonly reason: string | null;
  }[];
};
export type Images = { readonly images: readonly Image[]; readonly nextCursor: string | null };

export type GroupStatus = {
  readonly group: string;
  readonly lag: number;
  readonly topics: readonly { readonly topic: string; readonly lag: number; readonly end: number }[];
  readonly jobsDue: number;
  readonly timers: number;
  readonly nextDueAtMs: number | null;
  readonly jobsParked: number;
  readonly recordsParked: number;
};
export type OpenCircuit = {
  readonly app: string;
  readonly kind: string;
  readonly host: string;
  readonly state: 'open' | 'half-open';
  readonly openSinceMs: number;
};
export type Status = {
  readonly asOfMs: number;
  readonly groups: readonly GroupStatus[];
  readonly parked: readonly { readonly app: string; readonly code: string; readonly count: number }[];
  /** Of `asked` apps; of those that gave no answer nothing is known. */
  readonly circuits: { readonly asked: number; readonly unanswered: readonly string[]; readonly open: readonly OpenCircuit[] };
};

type Place = { readonly topic: string; readonly partition: number; readonly offset: number };
export type ParkedSummary = {
  readonly app: string;
  readonly origin: Place;
  readonly parked: Place;
  readonly code: string;
  readonly reason: string;
  readonly parkedAtMs: number;
  readonly valueBytes: number;
};
export type ParkedRecord = ParkedSummary & {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
};
/** What waits to be retried or dropped. */
export type Aside = {
  readonly kind: 'record' | 'job';
  readonly app: string;
  readonly id: string;
  readonly partition: number;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly parkedAtMs: number;
  readonly correlationId: string;
  readonly behind: number;
  /** What those behind it wait in; null for a job. */
  readonly line: string | null;
  readonly canRetry: boolean;
};
/** Slow work that runs or waits, or a timer: what is not parked. */
export type WaitingJob = {
  readonly app: string;
  readonly id: string;
  readonly kind: string;
  readonly stage: 'timer' | 'due';
  readonly dueAtMs: number;
  readonly attempts: number;
  readonly lastError: string | null;
};
export type WaitingJobs = { readonly jobs: readonly WaitingJob[]; readonly nextCursor: string | null };

export type ParkedLine = { readonly waiting: number; readonly stoppedBy: Aside | null };
export type ParkedList = { readonly parked: readonly Aside[]; readonly nextCursor: string | null };
export type ParkedHistory = { readonly history: readonly ParkedSummary[]; readonly nextCursor: string | null };
export type ParkedFound = { readonly parked: readonly ParkedRecord[] };

export type Policy = {
  readonly policyId: string;
  readonly document: string | null;
  /** Sealed: its document is null. */
  readonly isConfidential: boolean;
  readonly documentSha256: string | null;
  readonly author: string;
  /** Of the newest change; empty where nobody said. */
  readonly reason: string;
  readonly changedAtMs: number;
  readonly retiredAtMs: number | null;
};
export type Policies = { readonly policies: readonly Policy[] };
