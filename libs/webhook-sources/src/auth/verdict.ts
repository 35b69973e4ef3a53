/** Why a request was not let in. Stable: metrics carry it; the sender is never told. */
export const refusedReasons = {
  missing: 'no proof: the header, the token or the certificate is not there, or is empty',
  malformed: 'a proof of another form than the scheme has, or one that came twice',
  wrong: 'a proof of the right form that is not right',
  expired: 'right once: the secret, the token, the timestamp or the certificate is out of its time',
  forbidden: "the sender is who it says, but is not on the endpoint's list",
} as const;
export type RefusedReason = keyof typeof refusedReasons;

export type Refused = { readonly ok: false; readonly reason: RefusedReason };
/** `by` names what opened, never what it is: the id of a secret, an account, a topic, a certificate's name. All are configured. */
export type Verdict = { readonly ok: true; readonly by: string } | Refused;

export const refused = (reason: RefusedReason): Refused => ({ ok: false, reason });
