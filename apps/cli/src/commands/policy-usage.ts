import { compileRulebook, registryUsageOf, tenantUsageOf, type Rulebook } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { byteCount, grouped, printable } from '../output/text.ts';
import { documentsInForce } from '../policy/history.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { readUsage, type UsageRows } from '../policy/usage-rows.ts';
import type { Vault } from '../policy/vault.ts';

export type PolicyUsageOptions = {
  readonly output: OutputFormat;
  /** Undefined: all, and what registries hold. */
  readonly tenant: string | undefined;
  readonly vault: Vault;
};

/**
 * Says what tenants have of what they may have, and what registries hold, as it is counted.
 * @throws CliError 1 for a tenant that nobody knows
 */
export async function showUsage(options: PolicyUsageOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, tenant, vault } = options;
  const { surroundings } = compileRulebook(documentsInForce(await readPolicyLog(log, codec), vault)).replication;
  const atMs = Date.now();
  const rows = await readUsage(log, codec);
  const tenants = tenantsIn(rows, surroundings, atMs).filter(({ name }) => name === (tenant ?? name));
  if (tenant !== undefined && tenants.length === 0)
    throw new CliError(
      exitCodes.no,
      `no Tenant document names ${printable(tenant)}, and nothing of it is counted`,
      '`waybill policy usage` lists those that are known.',
    );
  const registries = tenant === undefined ? registriesIn(rows, surroundings) : [];
  if (output === 'json') console.out(JSON.stringify({ atMs, tenants, ...(tenant === undefined && { registries }) }, null, 2));
  else if (tenants.length + registries.length === 0) console.out('No tenant has a document, and nothing is counted yet.');
  else {
    if (tenants.length > 0) console.out(table(tenants, tenantColumns, console));
    if (registries.length > 0) console.out(`${tenants.length > 0 ? '\n' : ''}${table(registries, registryColumns, console)}`);
  }
  return exitCodes.done;
}

type Amount = { readonly used: number; readonly max: number | null };
type TenantShown = {
  readonly name: string;
  readonly bytes: Amount;
  readonly images: Amount;
  readonly copiesLastHour: Amount;
  /** Of the images: they add no bytes. */
  readonly imagesUnsized: number;
  /** Of that limit of which most is used; null without limits. */
  readonly percent: number | null;
};
type Surroundings = Rulebook['replication']['surroundings'];

function tenantsIn({ tenants }: UsageRows, { Tenant }: Surroundings, atMs: number): readonly TenantShown[] {
  return [...new Set([...Tenant.keys(), ...tenants.keys()])].toSorted().map((name) => {
    const parts = tenants.get(name) ?? [];
    const { bytes, images, copiesLastHour } = tenantUsageOf(parts, atMs);
    const { bytesMax, imagesMax, copiesPerHourMax } = Tenant.get(name)?.spec.quota ?? {};
    const amounts = {
      bytes: { used: bytes, max: bytesMax ?? null },
      images: { used: images, max: imagesMax ?? null },
      copiesLastHour: { used: copiesLastHour, max: copiesPerHourMax ?? null },
    };
    const imagesUnsized = parts.reduce((sum, part) => sum + part.imagesUnsized, 0);
    return { name, ...amounts, imagesUnsized, percent: percentOf(Object.values(amounts)) };
  });
}

type RegistryShown = { readonly name: string; readonly bytes: Amount; readonly images: number; readonly percent: number | null };

function registriesIn({ registries }: UsageRows, { Registry }: Surroundings): readonly RegistryShown[] {
  return [...new Set([...Registry.keys(), ...registries.keys()])].toSorted().map((name) => {
    const parts = registries.get(name) ?? [];
    const bytes = { used: registryUsageOf(parts).usedBytes, max: Registry.get(name)?.spec.limits?.bytesMax ?? null };
    return { name, bytes, images: parts.reduce((sum, part) => sum + part.images, 0), percent: percentOf([bytes]) };
  });
}

function percentOf(amounts: readonly Amount[]): number | null {
  const shares = amounts.flatMap(({ used, max }) => (max === null ? [] : [Math.floor((used / max) * 100)]));
  return shares.length === 0 ? null : Math.max(...shares);
}

const amountText = ({ used, max }: Amount, text: (amount: number) => string): string =>
  max === null ? text(used) : `${text(used)} of ${text(max)}`;
const percentText = (percent: number | null): string => (percent === null ? '-' : `${grouped(percent)} %`);
const percentStyle = (percent: number | null) => (percent === null || percent < 90 ? undefined : percent < 100 ? 'yellow' : 'red');

const tenantColumns: readonly Column<TenantShown>[] = [
  { title: 'TENANT', cell: ({ name }) => name, flexible: 'cut' },
  { title: 'BYTES', cell: ({ bytes }) => amountText(bytes, byteCount), align: 'right' },
  { title: 'IMAGES', cell: ({ images }) => amountText(images, grouped), align: 'right' },
  { title: 'COPIES IN AN HOUR', cell: ({ copiesLastHour }) => amountText(copiesLastHour, grouped), align: 'right' },
  { title: 'SIZE UNKNOWN', cell: ({ imagesUnsized }) => grouped(imagesUnsized), align: 'right', optional: true },
  { title: 'USED', cell: ({ percent }) => percentText(percent), align: 'right', style: ({ percent }) => percentStyle(percent) },
];

const registryColumns: readonly Column<RegistryShown>[] = [
  { title: 'REGISTRY', cell: ({ name }) => name, flexible: 'cut' },
  { title: 'BYTES', cell: ({ bytes }) => amountText(bytes, byteCount), align: 'right' },
  { title: 'IMAGES', cell: ({ images }) => grouped(images), align: 'right' },
  { title: 'USED', cell: ({ percent }) => percentText(percent), align: 'right', style: ({ percent }) => percentStyle(percent) },
];
