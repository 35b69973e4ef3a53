import { assignPartitions } from '../assign-partitions.ts';
import { BrokerError } from './broker-error.ts';
import type { Scheduler } from './scheduler.ts';

export type JoinRequest = {
  readonly group: string;
  /** Empty at first. */
  readonly memberId: string;
  readonly instance: string;
  readonly sessionTimeoutMs: number;
  readonly owned: readonly number[];
};
export type Joined = { readonly memberId: string; readonly generation: number; readonly partitions: readonly number[] };
export type MemberIdentity = { readonly group: string; readonly memberId: string; readonly instance: string };

type Member = {
  readonly id: string;
  readonly instance: string;
  readonly sessionTimeoutMs: number;
  owned: readonly number[];
  partitions: readonly number[];
  /** Set while it waits for the round to end. */
  waiting: PromiseWithResolvers<Joined> | undefined;
  cancelSession: () => void;
};

type Group = { generation: number; isRebalancing: boolean; leader: string; readonly members: Map<string, Member>; cancelRound: () => void };

/** How long a round waits for members that have not joined it. */
const roundMsMax = 30_000;

/**
 * The group coordinator (Kafka's classic protocol): rounds of joining, sessions, static members. A static member that comes back
 * takes the place of its former self without a round; one that is silent keeps its partitions until its session ends.
 */
export class Groups {
  readonly #scheduler: Scheduler;
  readonly #partitionCount: number;
  readonly #groups = new Map<string, Group>();
  #membersCount = 0;

  constructor(scheduler: Scheduler, partitionCount: number) {
    this.#scheduler = scheduler;
    this.#partitionCount = partitionCount;
  }

  /** Settles when the round ends, or at once where none is needed. */
  join(request: JoinRequest): Promise<Joined> {
    const group = this.#groupOf(request.group);
    const former = [...group.members.values()].find(({ instance }) => instance === request.instance);
    if (request.memberId === '') return former ? this.#replace(group, former, request) : this.#admit(group, request);
    const member = this.#current(group, request);
    const isNews = member.id === group.leader || String(member.owned) !== String(request.owned);
    member.owned = request.owned;
    if (!group.isRebalancing && !isNews) return Promise.resolve(joinedOf(group, member));
    return this.#enter(group, member);
  }

  /** @throws BrokerError when the group has moved on, or is about to */
  heartbeat(identity: MemberIdentity & { readonly generation: number }): void {
    const group = this.#groupOf(identity.group);
    const member = this.#current(group, identity);
    this.#touch(group, member);
    if (group.isRebalancing) throw new BrokerError('REBALANCE_IN_PROGRESS');
    if (identity.generation !== group.generation) throw new BrokerError('ILLEGAL_GENERATION');
  }

  leave(identity: MemberIdentity): void {
    const group = this.#groupOf(identity.group);
    const member = group.members.get(identity.memberId);
    if (member) this.#remove(group, member);
  }

  #admit(group: Group, request: JoinRequest): Promise<Joined> {
    const member = this.#newMember(group, request);
    if (group.members.size === 1) group.leader = member.id;
    return this.#enter(group, member);
  }

  /** Its former self is fenced: a static name belongs to the newest who uses it. */
  #replace(group: Group, former: Member, request: JoinRequest): Promise<Joined> {
    former.cancelSession();
    former.waiting?.reject(new BrokerError('FENCED_INSTANCE_ID'));
    group.members.delete(former.id);
    const member = this.#newMember(group, request);
    member.partitions = former.partitions;
    if (group.leader === former.id) group.leader = member.id;
    if (group.isRebalancing) return this.#enter(group, member);
    return Promise.resolve(joinedOf(group, member));
  }

  #newMember(group: Group, { instance, sessionTimeoutMs, owned }: JoinRequest): Member {
    const id = `${instance}-${(this.#membersCount += 1)}`;
    const idle = { partitions: [], waiting: undefined, cancelSession: () => undefined };
    const member: Member = { id, instance, sessionTimeoutMs, owned, ...idle };
    group.members.set(id, member);
    this.#touch(group, member);
    return member;
  }

  #enter(group: Group, member: Member): Promise<Joined> {
    member.cancelSession(); // Who waits for the round is alive.
    member.waiting ??= Promise.withResolvers<Joined>();
    const joined = member.waiting.promise;
    joined.catch(() => undefined); // The request that waited may have been given up.
    this.#rebalance(group);
    return joined;
  }

  #rebalance(group: Group): void {
    if (!group.isRebalancing) {
      group.isRebalancing = true;
      group.cancelRound = this.#scheduler.post('broker: a round of joining times out', () => this.#endRound(group), {
        delayMs: roundMsMax,
      });
    }
    if ([...group.members.values()].every(({ waiting }) => waiting)) this.#endRound(group);
  }

  /** Static members that have not joined stay, and keep what they had as far as the rule gives it to them. */
  #endRound(group: Group): void {
    group.cancelRound();
    group.isRebalancing = false;
    group.generation += 1;
    const members = [...group.members.values()];
    const shares = assignPartitions(members.map(({ id, owned }) => ({ id, owned })), this.#partitionCount); // prettier-ignore
    group.leader = members.find(({ waiting }) => waiting)?.id ?? '';
    for (const member of members) {
      member.partitions = shares.get(member.id) ?? [];
      member.waiting?.resolve(joinedOf(group, member));
      if (member.waiting) this.#touch(group, member);
      member.waiting = undefined;
    }
  }

  #touch(group: Group, member: Member): void {
    member.cancelSession();
    const expire = (): void => this.#remove(group, member);
    member.cancelSession = this.#scheduler.post(`broker: session of ${member.id} ends`, expire, { delayMs: member.sessionTimeoutMs });
  }

  #remove(group: Group, member: Member): void {
    member.cancelSession();
    member.waiting?.reject(new BrokerError('UNKNOWN_MEMBER_ID'));
    group.members.delete(member.id);
    if (group.members.size > 0) this.#rebalance(group);
    else if (group.isRebalancing) this.#endRound(group);
  }

  #current(group: Group, { memberId, instance }: { readonly memberId: string; readonly instance: string }): Member {
    const member = group.members.get(memberId);
    if (member) return member;
    const isReplaced = [...group.members.values()].some((other) => other.instance === instance);
    throw new BrokerError(isReplaced ? 'FENCED_INSTANCE_ID' : 'UNKNOWN_MEMBER_ID');
  }

  #groupOf(name: string): Group {
    const group = this.#groups.get(name) ?? {
      ...{ generation: 0, isRebalancing: false, leader: '', members: new Map<string, Member>(), cancelRound: () => undefined },
    };
    this.#groups.set(name, group);
    return group;
  }
}

const joinedOf = ({ generation }: Group, { id, partitions }: Member): Joined => ({ memberId: id, generation, partitions });
