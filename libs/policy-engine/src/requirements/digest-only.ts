import { broken, met, unknown, type Compile } from './answer.ts';

/** A tag can be moved between the question and the pull; a digest cannot. */
export const digestOnly: Compile<true> = () => ({
  ask: ({ evidence }) => {
    if (evidence.namedBy === undefined) return unknown('how it is named');
    if (evidence.namedBy === 'digest') return met('is named by its digest');
    const name = `${evidence.registry}/${evidence.repository}`;
    return broken('DIGEST_REQUIRED', `it is named by tag ${evidence.tag}: name it ${name}@${evidence.digest}`);
  },
});
