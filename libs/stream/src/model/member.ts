import type { Clock } from '../clock.ts';
import { StreamError } from '../errors.ts';
import type { Group, GroupOptions, LogRecord, Membership, Offsets, TopicPartition } from '../event-log.ts';
import type { ModelBroker } from './broker.ts';
import { BrokerError, ConnectionLost, type BrokerErrorType } from './broker-error.ts';
import type { Joined } from './groups.ts';
import { runLanes } from './lanes.ts';
import type { Network } from './network.ts';

export type MemberOptions = GroupOptions & {
  readonly broker: ModelBroker;
  readonly network: Network;
  readonly clock: Clock;
  readonly closed: AbortSignal;
};

const rejoinTypes: ReadonlySet<BrokerErrorType> = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);
const leaveMsMax = 3_000;

/** A member as `libs/kafka` makes them: heartbeats of its own, tasks that go on until the new assignment is there. */
export function joinModelGroup(options: MemberOptions): Group {
  const member = new ModelMember(options);
  const running = member.run().catch((error: unknown) => options.handlers.crashed(error as Error));
  return {
    async close() {
      await member.leave();
      await running;
    },
  };
}

class ModelMember {
  readonly #options: MemberOptions;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  #memberId = '';
  #owned: readonly number[] = [];

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([this.#closing.signal, options.closed]);
  }

  async run(): Promise<void> {
    const signal = this.#signal;
    while (!signal.aborted) {
      try {
        await this.#live(await this.#join());
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof BrokerError && error.type === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
        const isLost = error instanceof StreamError && error.code === 'FENCED';
        const isToRejoin = error instanceof ConnectionLost || (error instanceof BrokerError && rejoinTypes.has(error.type));
        if (!isLost && !isToRejoin) throw error;
        await this.#options.clock.sleep(50, signal).catch(() => undefined);
      }
    }
  }

  async leave(): Promise<void> {
    const { broker, network, clock } = this.#options;
    const leaving = network.call('leave', () => broker.groups.leave(this.#identity())).catch(() => undefined);
    await Promise.race([leaving, clock.bound(leaveMsMax)]);
    this.#closing.abort(new Error('the member has left'));
  }

  #identity() {
    return { group: this.#options.group, memberId: this.#memberId, instance: this.#options.instance };
  }

  async #join(): Promise<Joined> {
    const { broker, network, sessionTimeoutMs } = this.#options;
    const request = { ...this.#identity(), sessionTimeoutMs, owned: this.#owned };
    const joined = await network.ask('join', () => broker.groups.join(request), this.#signal);
    this.#memberId = joined.memberId;
    return joined;
  }

  async #heartbeat({ generation }: Joined, signal: AbortSignal): Promise<void> {
    const { broker, network, handlers } = this.#options;
    const identity = { ...this.#identity(), generation };
    await network.ask('heartbeat', () => broker.groups.heartbeat(identity), signal);
    handlers.heard?.();
  }

  async #keepAlive(joined: Joined, isReady: () => boolean, signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#options.clock.sleep(Math.min(3_000, this.#options.sessionTimeoutMs / 3), signal);
      await this.#heartbeat(joined, signal).catch((error: unknown) => {
        if (isReady() || !(error instanceof BrokerError && error.type === 'REBALANCE_IN_PROGRESS')) throw error;
      });
    }
  }

  #membershipOf(joined: Joined): Membership {
    return {
      verify: async (signal) => {
        try {
          await this.#heartbeat(joined, signal ? AbortSignal.any([signal, this.#signal]) : this.#signal);
        } catch (error) {
          if (error instanceof BrokerError && error.type === 'REBALANCE_IN_PROGRESS') return;
          throw new StreamError('FENCED', `the group ${this.#options.group} has moved on`, { cause: error });
        }
      },
    };
  }

  /** From one assignment to the next rebalance, which it rejects with. */
  async #live(joined: Joined): Promise<void> {
    const { broker, network, handlers } = this.#options;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#signal]);
    let isReady = false;
    const alive = this.#keepAlive(joined, () => isReady, signal);
    alive.catch(() => undefined);
    try {
      const starts = await handlers.assigned(joined.partitions, this.#membershipOf(joined));
      isReady = true;
      this.#owned = joined.partitions;
      const start = await this.#startPositions(joined.partitions, starts);
      const onRecords = (place: TopicPartition, records: readonly LogRecord[]) =>
        records.length > 0 ? handlers.batch(place, records) : undefined;
      const fetching = runLanes({ broker, network, start, onRecords, signal });
      fetching.catch(() => undefined);
      await Promise.race([alive, start.length > 0 ? fetching : alive]);
    } finally {
      over.abort(new Error('the generation is over'));
    }
  }

  #startPositions(partitions: readonly number[], starts: ReadonlyMap<number, Offsets>) {
    const { broker, network, topics } = this.#options;
    const places = partitions.flatMap((partition) => topics.map((topic) => ({ topic, partition })));
    const first = (place: TopicPartition): Promise<number> => network.ask('first', () => broker.partition(place).first, this.#signal);
    return Promise.all(
      places.map(async (place) => ({ ...place, offset: starts.get(place.partition)?.get(place.topic) ?? (await first(place)) })),
    );
  }
}
