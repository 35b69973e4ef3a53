/** What `SCANNER` is on this machine when nobody says: the first scanner that is here, or a sample that only looks at names. */
export function chooseScanner(
  has: (program: string) => boolean,
  sampleTemplate: string,
): { readonly scanner: string; readonly note: string } {
  if (has('syft') && has('osv-scanner')) return { scanner: 'osv', note: 'osv-scanner over an SBOM made by syft' };
  if (has('grype')) return { scanner: 'grype', note: 'grype' };
  if (has('trivy')) return { scanner: 'trivy', note: 'trivy' };
  return {
    scanner: sampleTemplate,
    note: 'a sample that judges by the name alone (no osv-scanner with syft, no grype, no trivy here: install one, or set SCANNER)',
  };
}
