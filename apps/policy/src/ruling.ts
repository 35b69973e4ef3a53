import type { Decision } from '@waybill/policy-engine';
import type { Admission } from './admission.ts';

/** What a set of policies says of a tag, and when time alone may have it say something else; Infinity for never. */
export type Ruling = { readonly decision: Decision; readonly admission: Admission | null; readonly nextMs: number };
