import { encodeParkedCommand } from '@waybill/stream';
import type { Send } from '../commands/parked-command.ts';
import { type LogAddress, withAppender } from '../connect.ts';

/** Appends commands straight to Kafka: the API only reads. */
export const sendTo =
  (address: LogAddress): Send =>
  async (commands) => {
    if (commands.length === 0) return;
    await withAppender(address, (appender, codec) => appender.append(commands.map((command) => encodeParkedCommand(codec, command))));
  };
