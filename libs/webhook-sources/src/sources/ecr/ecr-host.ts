/** Domains of the partitions of AWS whose regions are told by their first part; all others are of `amazonaws.com`. */
const domains: readonly (readonly [prefix: string, domain: string])[] = [
  ['cn-', 'amazonaws.com.cn'],
  ['eusc-', 'amazonaws.eu'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['us-isof-', 'csp.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
];

/** Host of an account's private registry in a region; undefined for what is no account (12 digits) or no region. */
export function findEcrHost(account: unknown, region: unknown): string | undefined {
  if (typeof account !== 'string' || !/^\d{12}$/.test(account)) return undefined;
  if (typeof region !== 'string' || !/^[a-z]{2,8}(?:-[a-z]{2,16}){1,4}-\d{1,2}$/.test(region)) return undefined;
  const domain = domains.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'amazonaws.com';
  return `${account}.dkr.ecr.${region}.${domain}`;
}
