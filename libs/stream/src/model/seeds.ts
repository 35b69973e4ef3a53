/** Schedules that once found something: every run repeats them first. A change of the model gives a seed another schedule. */
export const keptSeeds: readonly number[] = [
  7073, // A partition that was lost while an answer was missing ended the process.
  7032, // A store that another process had opened was taken for a fenced writer: the end of a job was told again and again.
];
