/** Best first; a word that is not here is worse than all. */
export const severities = ['none', 'unknown', 'low', 'medium', 'high', 'critical'] as const;

export function rank(severity: string): number {
  const index = (severities as readonly string[]).indexOf(severity);
  return index === -1 ? severities.length : index;
}
