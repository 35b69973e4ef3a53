import { type Static, Type } from 'typebox';

export const PolicyConfig = Type.Object({
  POLICY_KEY_FILE: Type.String({
    default: '',
    description:
      'File with the keys of confidential policies, a line each: `<id> <32 bytes in base64>`, or `<id> wrapped <text>`. ' +
      'Without it none of them can be in force.',
  }),
  POLICY_KEY_COMMAND: Type.String({
    default: '',
    description:
      'Program that unwraps the wrapped keys of POLICY_KEY_FILE at the start: run as `<program> <key id>`, it reads the wrapped key from ' +
      'stdin and writes the key to stdout, 32 bytes in base64.',
  }),
});
export type PolicyConfig = Static<typeof PolicyConfig>;
