import { type Static, Type } from 'typebox';

export const PolicyConfig = Type.Object({
  POLICY_KEY_FILE: Type.String({
    default: '',
    description:
      'File with the keys of confidential policies, a line each: `<id> <32 bytes in base64>`. Without it none of them can be in force.',
  }),
});
export type PolicyConfig = Static<typeof PolicyConfig>;
