/** How a target names what it copies: something before and after the name here, or another name for good. */
export type Template =
  { readonly kind: 'around'; readonly before: string; readonly after: string } | { readonly kind: 'fixed'; readonly text: string };

export const unchanged: Template = { kind: 'around', before: '', after: '' };

/** Undefined where the name is put in more than once: such templates are not looked into. */
export function findTemplate(text: string | undefined, placeholder: string): Template | undefined {
  if (text === undefined) return unchanged;
  const [before = '', after, more] = text.split(placeholder);
  if (more !== undefined) return undefined;
  return after === undefined ? { kind: 'fixed', text } : { kind: 'around', before, after };
}

export const fill = (template: Template, name: string): string =>
  template.kind === 'fixed' ? template.text : `${template.before}${name}${template.after}`;

/** First one, then the other. */
export function then(first: Template, next: Template): Template {
  if (next.kind === 'fixed') return next;
  if (first.kind === 'fixed') return { kind: 'fixed', text: fill(next, first.text) };
  return { kind: 'around', before: next.before + first.before, after: first.after + next.after };
}
