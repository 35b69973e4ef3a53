// Waybill's copies in a process that runs already: what `copy-ours.ts` orders by messages.
import { once } from 'node:events';
import { createCopier, createRegistryClient, type RegistryClient } from '@waybill/oci';
import type { Order, Told } from './copy-ours.ts';
import { startProfile } from './profile.ts';

const clientOf = (host: string, name: string): RegistryClient => createRegistryClient({ name, host, plainHttp: true });

async function carryOut({ route, images, isBulk }: Order): Promise<void> {
  const [source, target] = [clientOf(route.source, 'source'), clientOf(route.target, 'target')];
  const signal = AbortSignal.timeout(10 * 60_000);
  const copier = createCopier(isBulk ? {} : { imagesAtOnceMax: 1 });
  const copy = ({ repository, tag }: Order['images'][number]): Promise<unknown> => {
    const places = { source: { client: source, repository }, target: { client: target, repository } };
    return copier.copy({ ...places, reference: tag, tag, signal });
  };
  try {
    if (isBulk) await Promise.all(images.map(copy));
    else for (const image of images) await copy(image);
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

async function answer(order: Order): Promise<Told> {
  const stop = order.isProfiled ? await startProfile() : undefined;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await carryOut(order);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const profile = await stop?.();
  return { seconds, cpuS: (user + system) / 1e6, ...(profile === undefined ? {} : { profile }) };
}

for (;;) {
  const [order] = (await once(process, 'message')) as [Order];
  process.send!(await answer(order).catch((error: unknown) => ({ failed: (error as Error).stack ?? String(error) })));
}
