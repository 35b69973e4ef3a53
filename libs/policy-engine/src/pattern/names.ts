import { compilePattern } from './pattern.ts';

/** What a name can be at all, and so where to look for one. */
export type NameShape = {
  /** All characters that there are; those that people like to read come first. */
  readonly alphabet: string;
  readonly isValid: ReturnType<typeof compilePattern>;
  readonly lengthMax: number;
};

const [lower, digits] = ['abcdefghijklmnopqrstuvwxyz', '0123456789'];
const segment = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*';

/** A host as events name it, in lower case and with its port where it has one; an IPv6 address in brackets. */
export const hostShape: NameShape = {
  alphabet: `${lower}${digits}.-:[]`,
  isValid: compilePattern({ regex: '([a-z0-9]+([.-]+[a-z0-9]+)*|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?' }),
  lengthMax: 255,
};

/** As `isRepositoryName` of the domain. */
export const repositoryShape: NameShape = {
  alphabet: `${lower}${digits}/-._`,
  isValid: compilePattern({ regex: `${segment}(/${segment})*` }),
  lengthMax: 255,
};

/** As `isTag` of the domain. Its length is not for the automaton. */
export const tagShape: NameShape = {
  alphabet: `${lower}${digits}${lower.toUpperCase()}.-_`,
  isValid: compilePattern({ regex: '[A-Za-z0-9_][A-Za-z0-9._-]*' }),
  lengthMax: 128,
};
