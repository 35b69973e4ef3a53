/** What the broker answers instead of a result, by Kafka's own names. */
export type BrokerErrorType =
  | 'OFFSET_OUT_OF_RANGE'
  | 'CONCURRENT_TRANSACTIONS'
  | 'INVALID_PRODUCER_EPOCH'
  | 'INVALID_TXN_STATE'
  | 'MESSAGE_TOO_LARGE'
  | 'UNKNOWN_MEMBER_ID'
  | 'FENCED_INSTANCE_ID'
  | 'ILLEGAL_GENERATION'
  | 'REBALANCE_IN_PROGRESS';

export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly type: BrokerErrorType;

  constructor(type: BrokerErrorType) {
    super(type);
    this.type = type;
  }
}

/** The request or its answer was lost: what the broker did is unknown. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}
