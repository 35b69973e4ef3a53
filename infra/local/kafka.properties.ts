export type KafkaListeners = { readonly port: number; readonly controllerPort: number };

/**
 * Settings of a single local broker, beside what a cluster would use: everything in one copy, no waiting for members that
 * cannot come, sessions short enough that a test sees a rebalance, loopback only.
 */
export function kafkaSettings(logDir: string, { port, controllerPort }: KafkaListeners): Readonly<Record<string, string | number>> {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false', // The deploy step makes topics from the declared list; a typo must not.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 3,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 2_000,
    'message.max.bytes': 4 * 1024 * 1024,
    'broker.session.timeout.ms': 6_000, // A killed broker may come back only once its own old session has ended: 9 s by default.
    'broker.heartbeat.interval.ms': 1_000,
    'log.cleaner.enable': 'true',
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024, // Of a 512 MiB heap; the default takes 128 MiB.
    'num.io.threads': 4,
    'num.network.threads': 2,
    'background.threads': 2,
    'controlled.shutdown.enable': 'true',
  };
}

/** Java properties; values here hold neither line ends nor leading blanks, but paths may hold backslashes. */
export function renderProperties(settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}`);
  return `${lines.join('\n')}\n`;
}
