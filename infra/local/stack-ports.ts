import { pickPorts } from './ports.ts';

/** In the data's direction; the order of tables and of ops ports. */
export const appNames = ['gateway', 'dedup', 'inspector', 'scanner', 'policy', 'replicator', 'usage', 'audit', 'api'] as const;
export type AppName = (typeof appNames)[number];

export type StackPorts = {
  readonly kafka: number;
  readonly kafkaController: number;
  readonly schemaRegistry: number;
  readonly registryA: number;
  readonly registryB: number;
  readonly gateway: number;
  readonly api: number;
  readonly ops: Readonly<Record<AppName, number>>;
};

const defaults = {
  kafka: 29_092,
  kafkaController: 29_093,
  schemaRegistry: 28_081,
  registryA: 25_001,
  registryB: 25_002,
  gateway: 28_080,
  api: 28_090,
} as const;
const opsBase = 28_100;

/**
 * The ports of a local start, all shifted by `WAYBILL_PORT_BASE` so that two stacks can run beside each other.
 * @throws Error when the shift is no whole number or leaves the range of ports
 */
export function localPorts(shiftText = '0'): StackPorts {
  const shift = Number(shiftText);
  if (!Number.isSafeInteger(shift) || shift < -20_000 || shift > 30_000) {
    throw new Error(`WAYBILL_PORT_BASE=${shiftText}: give a whole number between -20000 and 30000, it is added to every default port`);
  }
  const shifted = Object.fromEntries(Object.entries(defaults).map(([name, port]) => [name, port + shift])) as Record<
    keyof typeof defaults,
    number
  >;
  return { ...shifted, ops: opsPorts((index) => opsBase + index + shift) };
}

/** Free ones, for tests. */
export async function freePorts(): Promise<StackPorts> {
  const names = Object.keys(defaults) as (keyof typeof defaults)[];
  const ports = await pickPorts(names.length + appNames.length);
  const picked = Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<keyof typeof defaults, number>;
  return { ...picked, ops: opsPorts((index) => ports[names.length + index] as number) };
}

const opsPorts = (portOf: (index: number) => number): Record<AppName, number> =>
  Object.fromEntries(appNames.map((name, index) => [name, portOf(index)])) as Record<AppName, number>;
