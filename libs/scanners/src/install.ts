/** How to get each program that an adapter calls. The versions are those that were tried. */
const commands: Readonly<Record<string, string>> = {
  syft: 'go install github.com/anchore/syft/cmd/syft@v1.52.0',
  'osv-scanner': 'go install github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.5.0',
  grype: 'go install github.com/anchore/grype/cmd/grype@latest',
  trivy: 'see "Installation" in the documentation of Trivy',
  'sysdig-cli-scanner': 'see "Install Vulnerability CLI Scanner" in the documentation of Sysdig Secure',
};

/** What to do about a program that is not there. */
export const installHint = (program: string): string =>
  `install it where the scanner app runs (${commands[program] ?? 'and give its absolute path'}), or set SCANNER to another scanner`;
