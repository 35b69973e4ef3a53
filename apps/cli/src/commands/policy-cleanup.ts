import { proposeCleanup, tenantUsageOf, type Cleanup, type Need, type Rulebook } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { table } from '../output/table.ts';
import { byteCount, counted, grouped, printable } from '../output/text.ts';
import { readCatalog } from '../policy/catalog-rows.ts';
import { rulebookInForce } from '../policy/in-force.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { readRunning } from '../policy/running.ts';
import { imageColumns, imageJson, progressOf } from '../policy/stored-image-text.ts';
import { storedImagesOf } from '../policy/stored-images.ts';
import { copiesOf } from '../policy/tenant-copies.ts';
import { readUsage } from '../policy/usage-rows.ts';
import type { Vault } from '../policy/vault.ts';

export type PolicyCleanupOptions = {
  readonly output: OutputFormat;
  readonly tenant: string;
  /** File that lists what runs; undefined: not known, and so nothing is proposed. */
  readonly running: string | undefined;
  /** Images listed, at most. */
  readonly limit: number;
  readonly vault: Vault;
};

/**
 * Says which copies to delete so that a tenant is under its quota again, or that it is under it; deletes nothing.
 * @returns 1 where all that may be deleted is not enough
 * @throws CliError 1 for a tenant that has no document or no quota, and where nobody has counted what it has
 */
export async function showCleanup(options: PolicyCleanupOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, tenant, vault, limit } = options;
  const { surroundings } = rulebookInForce(await readPolicyLog(log, codec), vault, ['tenant/']).replication;
  const quota = quotaOf(tenant, surroundings);
  const running = options.running === undefined ? undefined : await readRunning(options.running);
  const onRead = progressOf(console);
  const parts = (await readUsage(log, codec, onRead)).tenants.get(tenant);
  const rows = await readCatalog(log, codec, onRead);
  console.progress('');
  const copies = new Map(
    copiesOf(tenant, storedImagesOf(rows, running), rows.replicas, surroundings).map(({ image, tagsCount }) => [image, tagsCount]),
  );
  if (parts === undefined && copies.size > 0) throw notCounted(tenant);
  const atMs = Date.now();
  const usage = tenantUsageOf(parts ?? [], atMs);
  const need = { bytes: over(usage.bytes, quota.bytesMax), images: over(usage.images, quota.imagesMax) };
  const cleanup = proposeCleanup([...copies.keys()], need, (image) => {
    const tagsCount = copies.get(image)!;
    return { bytes: (image.sizeBytes ?? 0) * tagsCount, images: tagsCount };
  });
  if (output === 'json') {
    const deletions = cleanup.deletions.slice(0, limit).map(({ image, reason }) => ({ ...imageJson(image), reason }));
    const { freed, isEnough } = cleanup;
    const leftOut = Math.max(0, cleanup.deletions.length - limit);
    const answer = { ...{ tenant, atMs, quota, usage, need, isUnder: isNothing(need) }, ...{ isEnough, freed, deletions, leftOut } };
    console.out(JSON.stringify({ ...answer, isRunningKnown: running !== undefined }, null, 2));
  } else printCleanup({ ...options, quota, usage, need, cleanup, atMs }, console);
  return cleanup.isEnough ? exitCodes.done : exitCodes.no;
}

type Quota = { readonly bytesMax?: number; readonly imagesMax?: number };

function quotaOf(tenant: string, { Tenant }: Rulebook['replication']['surroundings']): Quota {
  const document = Tenant.get(tenant);
  const name = printable(tenant);
  if (document === undefined) {
    const known = [...Tenant.keys()].toSorted().slice(0, 10).join(', ') || 'none';
    throw new CliError(exitCodes.no, `no Tenant document names ${name}`, `Those in force name ${known}.`);
  }
  if (document.spec.quota === undefined)
    throw new CliError(
      exitCodes.no,
      `${name} has no quota: it may have as much as there is`,
      'spec.quota of its Tenant document sets one.',
    );
  return document.spec.quota;
}

const notCounted = (tenant: string): CliError =>
  new CliError(
    exitCodes.no,
    `${printable(tenant)} has copies, and nobody has counted them yet`,
    'The app usage counts: `waybill status` says how far it is.',
  );

const over = (used: number, max = Infinity): number => Math.max(0, used - max);
const isNothing = ({ bytes, images }: Need): boolean => bytes === 0 && images === 0;

type Found = Pick<PolicyCleanupOptions, 'tenant' | 'running' | 'limit'> & {
  readonly quota: Quota;
  readonly usage: Need;
  readonly need: Need;
  readonly cleanup: Cleanup;
  readonly atMs: number;
};

function printCleanup({ tenant, running, limit, quota, usage, need, cleanup, atMs }: Found, console: Console): void {
  const ofBytes = quota.bytesMax === undefined ? '' : ` of ${byteCount(quota.bytesMax)}`;
  const ofImages = quota.imagesMax === undefined ? '' : ` of ${grouped(quota.imagesMax)}`;
  console.out(`${printable(tenant)} has ${byteCount(usage.bytes)}${ofBytes}, in ${grouped(usage.images)}${ofImages} images`);
  if (isNothing(need)) return console.out('It is under its quota: nothing has to be deleted.');
  const { deletions, freed, isEnough } = cleanup;
  const columns = imageColumns<(typeof deletions)[number]>(
    ({ image }) => image,
    atMs,
    ({ reason }) => reason,
  );
  if (deletions.length > 0) console.out(`\n${table(deletions.slice(0, limit), columns, console)}`);
  if (deletions.length > limit) console.out(`and ${grouped(deletions.length - limit)} more; --limit shows more`);
  console.out(`\nto free: ${needText(need)}; these free ${needText(freed)}. Nothing was deleted.`);
  if (running === undefined)
    console.err(
      `${console.style('yellow', 'What runs is not known, so nothing is proposed')}: list it in a file and name that with --running.`,
    );
  else if (!isEnough) console.err('That is not enough, and the rest is in use or not known to be unused: have the quota raised.');
}

const needText = ({ bytes, images }: Need): string => `${byteCount(bytes)} and ${counted(images, 'image')}`;
