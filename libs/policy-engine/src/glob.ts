/**
 * Glob patterns over repositories and tags: `*` is any text without a slash, `?` one character that is no slash, `**` any text, and
 * `**` + `/` also nothing, so that `a/**` + `/b` matches `a/b`. All else stands for itself; the whole text must match.
 *
 * Matched by simulating an automaton, at most pattern times text steps. Pushers choose the names, and globs turned into regular
 * expressions backtrack: picomatch 4.0.7 takes 5 s for `*a*a*a*b` on 255 times `a` (measured, Node 26).
 */
export type Glob = (text: string) => boolean;

type Token =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'segment' } // Stays on any character but a slash; may be left at any time.
  | { readonly kind: 'all' } // Stays on any character; may be left at any time.
  | { readonly kind: 'skip' } // Enters the next token or leaves it out.
  | { readonly kind: 'directories' }; // Stays on any character; left by a slash.

export function compileGlob(pattern: string): Glob {
  const tokens = tokensOf(pattern);
  return (text) => {
    let states = closure(tokens, new Set([0]));
    for (const char of text) {
      states = step(tokens, states, char);
      if (states.size === 0) return false;
    }
    return states.has(tokens.length);
  };
}

/** How many characters of a pattern stand for themselves. */
export const literalsIn = (pattern: string): number => pattern.replaceAll(/[*?]/g, '').length;

function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length; i += 1) {
    const char = pattern[i]!;
    const isDouble = char === '*' && pattern[i + 1] === '*';
    if (isDouble && pattern[i + 2] === '/' && (i === 0 || pattern[i - 1] === '/')) {
      tokens.push({ kind: 'skip' }, { kind: 'directories' });
      i += 2;
    } else if (isDouble) {
      tokens.push({ kind: 'all' });
      i += 1;
    } else if (char === '*') tokens.push({ kind: 'segment' });
    else tokens.push(char === '?' ? { kind: 'one' } : { kind: 'char', char });
  }
  return tokens;
}

/** All that can be reached from these states without a character. */
function closure(tokens: readonly Token[], states: Set<number>): ReadonlySet<number> {
  for (const state of states) {
    // A set's loop also visits what is added meanwhile.
    const kind = tokens[state]?.kind;
    if (kind === 'segment' || kind === 'all') states.add(state + 1);
    if (kind === 'skip') states.add(state + 1).add(state + 2);
  }
  return states;
}

function step(tokens: readonly Token[], states: ReadonlySet<number>, char: string): ReadonlySet<number> {
  const next = new Set<number>();
  for (const state of states) {
    const token = tokens[state];
    if (token === undefined) continue;
    if (token.kind === 'char' && token.char === char) next.add(state + 1);
    if (token.kind === 'one' && char !== '/') next.add(state + 1);
    if (token.kind === 'segment' && char !== '/') next.add(state);
    if (token.kind === 'all' || token.kind === 'directories') next.add(state);
    if (token.kind === 'directories' && char === '/') next.add(state + 1);
  }
  return closure(tokens, next);
}
