import { allTopics, type RecordType } from '@waybill/domain';

/** Apps by their topics of one kind of row. From the list of topics, so that no app is forgotten whose work could then not be seen. */
const appsWith = (record: RecordType, suffix: string): ReadonlyMap<string, string> =>
  new Map(
    allTopics.filter(({ records }) => records.includes(record)).map(({ name }) => [name, name.slice('waybill.'.length, -suffix.length)]),
  );

/** Topics of job rows, with the app whose they are. */
export const jobApps = appsWith('Job', '-jobs.v1');

/** Topics of held rows, with the app whose they are. They and the job rows say what is parked: no event has to be matched with another. */
export const heldApps = appsWith('HeldRecord', '-held.v1');
