import { findSandbox, parseSandbox } from '@waybill/stream';
import { Kafka, logLevel, type Admin } from 'kafkajs';

/** What there is of a sandbox: topics, and groups, which come into being with the first transaction. */
export type Sandbox = { readonly sandbox: string; readonly topics: readonly string[]; readonly groups: readonly string[] };

/** All sandboxes of a cluster, by name. */
export const listSandboxes = (brokers: readonly string[]): Promise<readonly Sandbox[]> => withAdmin(brokers, sandboxesOf);

/**
 * Deletes topics and groups of a sandbox, and nothing else: a name that does not end as the sandbox's do is not even looked at. The
 * transactional ids are left to the brokers, which forget them by themselves (`transactional.id.expiration.ms`, 7 days).
 * @returns what was deleted; `undefined` for a sandbox that is not there
 * @throws KafkaJSError when a process still runs in it
 */
export async function dropSandbox(brokers: readonly string[], name: string): Promise<Sandbox | undefined> {
  const wanted = parseSandbox(name);
  return withAdmin(brokers, async (admin) => {
    const found = (await sandboxesOf(admin)).find(({ sandbox }) => sandbox === wanted);
    if (!found) return undefined;
    if (found.groups.length > 0) await admin.deleteGroups([...found.groups]);
    if (found.topics.length > 0) await admin.deleteTopics({ topics: [...found.topics] });
    return found;
  });
}

async function sandboxesOf(admin: Admin): Promise<readonly Sandbox[]> {
  const [topics, { groups }] = await Promise.all([admin.listTopics(), admin.listGroups()]);
  const of = (names: readonly string[]) => Map.groupBy(names.toSorted(), (name) => findSandbox(name)?.sandbox);
  const [byTopic, byGroup] = [of(topics), of(groups.map(({ groupId }) => groupId))];
  const names = new Set([...byTopic.keys(), ...byGroup.keys()]);
  const isNamed = (name: string | undefined): name is string => name !== undefined;
  return [...names]
    .filter(isNamed)
    .toSorted()
    .map((sandbox) => ({ sandbox, topics: byTopic.get(sandbox) ?? [], groups: byGroup.get(sandbox) ?? [] }));
}

async function withAdmin<T>(brokers: readonly string[], use: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'waybill-sandboxes', logLevel: logLevel.NOTHING, retry: { retries: 8 } });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
