import { type Static, Type } from 'typebox';

export const PolicyConfig = Type.Object({
  POLICY_KEY_FILE: Type.String({
    default: '',
    description:
      'File with the keys of confidential policies, a line each: `<id> <32 bytes in base64>`. All of them open, the first seals. Without it no confidential policy can be in force.',
  }),
});
export type PolicyConfig = Static<typeof PolicyConfig>;
