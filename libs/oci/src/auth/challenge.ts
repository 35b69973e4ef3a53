/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1); scheme and parameter names in lower case. */
export type Challenge = { readonly scheme: string; readonly params: Readonly<Record<string, string>> };

const headerLengthMax = 8_192;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const value = /\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
const separators = /[\s,]*/y;

/** Total: what is not understood ends the list. Several challenges may share one header, or each have its own. */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const text = (typeof header === 'string' ? header : (header ?? []).join(', ')).slice(0, headerLengthMax);
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    next(separators);
    const name = next(token)?.[0].toLowerCase();
    if (name === undefined) return challenges;
    const found = next(value);
    const current = challenges.at(-1);
    if (!found) challenges.push({ scheme: name, params: Object.create(null) as Record<string, string> });
    else if (current) current.params[name] = found[1]?.replaceAll(/\\(.)/g, '$1') ?? found[2] ?? '';
    else return challenges;
  }
}
