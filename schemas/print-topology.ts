// Prints docs/topology.md from the list of topics and the apps' topologies: `npm run docs:topology`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { allTopics, partitionsDefault, topics } from '@waybill/domain';
import type { Topic } from '@waybill/domain';
import { flows } from './flows.ts';
import type { Flow } from './flows.ts';

/** More inputs than this is reading along, not a step of the way: told below the picture, where arrows would hide the rest. */
const drawnInputsMax = 8;

const shortName = (topic: Topic): string => topic.name.replace(/^waybill[.]/, '').replace(/[.]v\d+$/, '');
const isDrawn = (flow: Flow): boolean => flow.inputs.length <= drawnInputsMax;
const aside = new Set<string>(['RecordParked', 'HeldRecord', ...topics.parkedCommands.records]);
/** Not what every stage has for what it cannot process. */
const isOnTheWay = (topic: Topic): boolean => !topic.records.some((record) => aside.has(record));
const onTheWay = (flow: Flow): Flow => ({
  ...flow,
  inputs: flow.inputs.filter(isOnTheWay),
  stores: flow.stores.filter(isOnTheWay),
  outputs: flow.outputs.filter(isOnTheWay),
});
const code = (text: string): string => `\`${text}\``;
const list = (topics: readonly Topic[]): string => topics.map((topic) => code(shortName(topic))).join(', ') || '-';

/** The text of the printed file. */
export function printTopology(): string {
  return [
    '# Topology',
    'Printed from `libs/domain/src/topics.ts` and `apps/*/src/topology.ts` by `npm run docs:topology`; do not edit.',
    [
      [
        'Boxes are apps, each a consumer group; rounded are events, of a table the newest per key;',
        'slanted is compacted state, next to the app that owns it.',
      ].join(' '),
      `A topic \`x\` is called \`waybill.x.v1\` and has ${partitionsDefault} partitions unless deployed with another count.`,
      'Every stage also writes `parked`, reads `parked-commands` and keeps `<app>-held`, which are not drawn.',
    ].join('\n'),
    `\`\`\`mermaid\n${printGraph()}\n\`\`\``,
    flows
      .filter((flow) => !isDrawn(flow))
      .map(printReadingAlong)
      .join('\n'),
    '## Apps',
    printTable(['app', 'reads', 'reads whole', 'keeps', 'writes', 'jobs'], flows.map(appRow)),
    '## Topics',
    printTable(['topic', 'kind', 'key', 'records', 'kept', 'written by', 'read by', 'what'], allTopics.map(topicRow)),
  ]
    .join('\n\n')
    .concat('\n');
}

function printGraph(): string {
  const drawn = flows.filter((flow) => flow.outputs.some(isOnTheWay)).map(onTheWay);
  const named = new Set(drawn.flatMap((flow) => [...(isDrawn(flow) ? flow.inputs : []), ...flow.tables, ...flow.stores, ...flow.outputs]));
  const shape = (topic: Topic): string =>
    topic.kind === 'event' || topic.kind === 'table' ? `([${shortName(topic)}])` : `[/${shortName(topic)}/]`;
  const ways = drawn.flatMap((flow) => [
    ...(isDrawn(flow) ? flow.inputs.map((topic) => `${topicId(topic)} --> ${flow.group}`) : []),
    ...flow.tables.map((topic) => `${topicId(topic)} -. table .-> ${flow.group}`),
    ...flow.outputs.map((topic) => `${flow.group} --> ${topicId(topic)}`),
    ...flow.stores.map((topic) => `${flow.group} <-.-> ${topicId(topic)}`),
  ]);
  const nodes = [...drawn.map((flow) => `${flow.group}[${flow.group}]`), ...[...named].map((topic) => `${topicId(topic)}${shape(topic)}`)];
  return ['flowchart LR', ...nodes.map((line) => `  ${line}`), ...ways.map((line) => `  ${line}`)].join('\n');
}

/** Apart from the apps' names: `audit` is both. */
const topicId = (topic: Topic): string => `t_${shortName(topic).replaceAll('-', '_')}`;

function printReadingAlong({ group, inputs }: Flow): string {
  const missing = allTopics.filter((topic) => !inputs.includes(topic));
  const events = missing.filter((topic) => topic.kind === 'event');
  const isEventsOnly = inputs.every((topic) => topic.kind === 'event');
  const but = isEventsOnly ? events : missing;
  return `- ${code(group)} reads every ${isEventsOnly ? 'event topic' : 'topic'}${but.length > 0 ? ` but ${list(but)}` : ''}.`;
}

const appRow = (flow: Flow): readonly string[] => [
  code(flow.group),
  isDrawn(flow) ? list(flow.inputs) : `${flow.inputs.length} topics, see above`,
  list(flow.tables),
  list(flow.stores),
  list(flow.outputs),
  flow.jobKinds.map(code).join(', ') || '-',
];

function topicRow(topic: Topic): readonly string[] {
  const writers = flows.filter((flow) => [...flow.outputs, ...flow.stores].includes(topic));
  const readers = flows.filter((flow) => [...flow.inputs, ...flow.tables, ...flow.stores].includes(topic));
  const names = (some: readonly Flow[]): string => some.map(({ group }) => group).join(', ') || '-';
  return [
    code(shortName(topic)),
    topic.kind,
    topic.key,
    topic.records.join(', '),
    kept(topic),
    names(writers),
    names(readers),
    topic.purpose,
  ];
}

function kept({ kind, retentionMs }: Topic): string {
  const forHowLong = retentionMs < 0 ? 'for ever' : `${retentionMs / 86_400_000} days`;
  return kind === 'state' || kind === 'table' ? `newest per key, ${forHowLong}` : forHowLong;
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

export const topologyPath = `${import.meta.dirname}/../docs/topology.md`;
if (import.meta.main) writeFileSync(topologyPath, printTopology());
