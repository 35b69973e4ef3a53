import { describe, it } from 'node:test';
import type { EventLog } from '../event-log.ts';
import { groupRules } from './group-rules.ts';
import { readRules } from './read-rules.ts';
import type { Rule, Rules, Subject } from './subject.ts';
import { writeRules } from './write-rules.ts';

/**
 * What every implementation of the `EventLog` port promises to the stream runtime, as tests of node:test.
 * @param withSubject runs a rule on a log, several times where that makes a difference
 */
export function eventLogConformance(name: string, withSubject: (rule: (subject: Subject) => Promise<void>) => Promise<void>): void {
  const suites: Readonly<Record<string, Rules>> = { writes: writeRules, reads: readRules, 'has groups whose members': groupRules };
  for (const [title, rules] of Object.entries(suites))
    describe(`${name} ${title}`, () => {
      for (const [what, rule] of Object.entries(rules)) it(what, () => withSubject((subject) => keepingClients(rule, subject)));
    });
}

async function keepingClients(rule: Rule, subject: Subject): Promise<void> {
  const logs: EventLog[] = [];
  const open = async (): Promise<EventLog> => {
    const log = await subject.open();
    logs.push(log);
    return log;
  };
  try {
    await rule(subject, open);
  } finally {
    await Promise.all(logs.map((log) => log.close()));
  }
}
