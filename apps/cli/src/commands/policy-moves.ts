import { proposeMoves, registryUsageOf, type Move } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { counted, grouped } from '../output/text.ts';
import { readReplicas } from '../policy/catalog-rows.ts';
import { rulebookInForce } from '../policy/in-force.ts';
import { readKnownImages } from '../policy/known-images.ts';
import { placementsOf, type Placements } from '../policy/placements.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { progressOf } from '../policy/stored-image-text.ts';
import { readPulls, readUsage } from '../policy/usage-rows.ts';
import type { Vault } from '../policy/vault.ts';

export type PolicyMovesOptions = {
  readonly output: OutputFormat;
  /** Placements that cost less in a month are left alone. */
  readonly above: number;
  /** Within so many months a move has to pay for itself. */
  readonly paybackMonths: number;
  /** Images looked at, at most; the newest. */
  readonly images: number;
  /** Moves listed, at most. */
  readonly limit: number;
  readonly vault: Vault;
};

/**
 * Says which placements of images would be cheaper, by prices of Registry documents, sizes and pulls; moves nothing.
 * @throws CliError 1 where a document in force cannot be read: it may be the one that forbids a place
 */
export async function showMoves(options: PolicyMovesOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, above, paybackMonths, limit, vault } = options;
  const rulebook = rulebookInForce(await readPolicyLog(log, codec), vault, ['']);
  const onRead = progressOf(console);
  const known = await readKnownImages(log, codec, options.images, onRead);
  const replicas = await readReplicas(log, codec, onRead);
  const pulls = await readPulls(log, codec, onRead);
  const { registries } = await readUsage(log, codec, onRead);
  console.progress('');
  const atMs = Date.now();
  const found = placementsOf({ images: known.images.map(({ evidence }) => evidence), replicas, pulls, rulebook }, atMs);
  const usedBytes = Object.fromEntries([...registries].map(([name, parts]) => [name, registryUsageOf(parts).usedBytes]));
  const bounds = { monthlyCostMin: above, paybackMonths, movesMax };
  const moves = proposeMoves(found.placements, rulebook.replication.surroundings, usedBytes, bounds);
  if (output === 'json') {
    const { placements: _all, ...looked } = found;
    const totals = { ...looked, imagesCount: known.images.length, leftOutCount: known.leftOutCount, ...totalsOf(moves) };
    console.out(JSON.stringify({ atMs, totals, moves: moves.slice(0, limit), leftOut: Math.max(0, moves.length - limit) }, null, 2));
  } else printMoves({ moves, found, limit, imagesCount: known.images.length, leftOutCount: known.leftOutCount }, console);
  return exitCodes.done;
}

const movesMax = 100_000;

const totalsOf = (moves: readonly Move[]) => ({
  movesCount: moves.length,
  saving: moves.reduce((sum, { saving }) => sum + saving, 0),
  moveCost: moves.reduce((sum, { moveCost }) => sum + moveCost, 0),
});

type Shown = {
  readonly moves: readonly Move[];
  readonly found: Placements;
  readonly limit: number;
  readonly imagesCount: number;
  readonly leftOutCount: number;
};

function printMoves({ moves, found, limit, imagesCount, leftOutCount }: Shown, console: Console): void {
  const { monthlyCost, undecidedCount, unsizedCount, unpricedCount } = found;
  if (moves.length > 0) console.out(table(moves.slice(0, limit), columns, console));
  if (moves.length > limit) console.out(`and ${grouped(moves.length - limit)} more; --limit shows more`);
  const { saving, moveCost } = totalsOf(moves);
  const what =
    moves.length === 0
      ? 'no move makes that cheaper'
      : `${counted(moves.length, 'move')} would save ${amount(saving)} of it, and cost ${amount(moveCost)} once`;
  console.out(
    `${moves.length === 0 ? '' : '\n'}${counted(imagesCount, 'image')} known now cost ${amount(monthlyCost)} in a month; ${what}.`,
  );
  const left: readonly (readonly [number, string])[] = [
    [unpricedCount, 'in registries without a document or prices'],
    [unsizedCount, 'without a known size'],
    [undecidedCount, 'not allowed now'],
    [leftOutCount, 'older ones; --images takes more'],
  ];
  const reasons = left.flatMap(([count, why]) => (count === 0 ? [] : [`${grouped(count)} ${why}`]));
  if (reasons.length > 0) console.out(`Left out: ${reasons.join(', ')}.`);
}

/** In the currency of the Registry documents. */
const amount = (value: number): string => value.toFixed(2);

const columns: readonly Column<Move>[] = [
  { title: 'IMAGE', cell: ({ image }) => image, flexible: 'cut' },
  { title: 'DO', cell: ({ action }) => action, style: ({ action }) => (action === 'drop' ? 'yellow' : undefined) },
  { title: 'FROM', cell: ({ from }) => from ?? '-' },
  { title: 'TO', cell: ({ to }) => to ?? '-' },
  { title: 'A MONTH', cell: ({ costBefore, costAfter }) => `${amount(costBefore)} -> ${amount(costAfter)}`, align: 'right' },
  { title: 'SAVES', cell: ({ saving }) => amount(saving), align: 'right', style: () => 'green' },
  { title: 'COSTS ONCE', cell: ({ moveCost }) => amount(moveCost), align: 'right' },
];
