import type { Question } from '../surroundings.ts';
import { compile } from './compile.ts';
import { ConditionError, placeIn } from './condition-error.ts';
import { factAt, isTimed } from './facts.ts';
import { parseCondition } from './parse.ts';
import { Failure, isValue, Unknown, type Result } from './value.ts';

/** What an image has to say to a condition. `error`: it fails on this image, whatever facts may come. */
export type Answer =
  | { readonly truth: 'yes' | 'no' }
  | { readonly truth: 'unknown'; readonly awaiting: readonly string[] }
  | { readonly truth: 'error'; readonly reason: string };

/** `when` of a policy, ready to be asked. */
export type Condition = {
  /** Paths of the facts that it asks for, as `image.tag`, in alphabetical order. */
  readonly facts: readonly string[];
  /** Whether time alone can change its answer: at a full hour of UTC, never between two. */
  readonly dependsOnTime: boolean;
  /** Total, and bounded in time by the condition's size and by how much is known of the image. */
  readonly ask: (question: Question) => Answer;
};

/** @throws ConditionError for whatever text is none */
function compileCondition(text: string): Condition {
  const asked = new Set<string>();
  const ask = compile(parseCondition(text), { bound: [], asked, compile, onLoop: () => undefined });
  const facts = [...asked].toSorted();
  return { facts, dependsOnTime: facts.some(isTimed), ask: (question) => answerOf(ask({ question, bound: [] })) };
}

function answerOf(result: Result): Answer {
  if (result instanceof Unknown) return { truth: 'unknown', awaiting: result.awaiting };
  if (result instanceof Failure) return { truth: 'error', reason: result.reason };
  return { truth: result === true ? 'yes' : 'no' };
}

/** @param faults gets what is wrong with it, with its path, and line and column within the condition */
export function compileWhen(text: string, faults: string[]): Condition | undefined {
  try {
    return compileCondition(text);
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    faults.push(`spec.when ${error.message} (${placeIn(text, error.at)})`);
    return undefined;
  }
}

/** What an image has to say to a condition, in a sentence. */
export function conditionSentence(condition: Condition, answer: Answer, question: Question): string {
  if (answer.truth === 'error') return `spec.when fails: ${answer.reason}`;
  if (answer.truth === 'unknown') return 'what spec.when asks for is not known yet';
  const told = factsToldOf(condition, question);
  return `spec.when ${answer.truth === 'yes' ? 'holds' : 'does not hold'}${told === '' ? '' : `: ${told}`}`;
}

const [shownMax, lengthMax] = [5, 100];

/** What the facts that a condition asks for are, as far as they are known: `image.tag is "v1"`. */
function factsToldOf({ facts }: Condition, question: Question): string {
  const told = facts.flatMap((path) => {
    const result = factAt(path).read(question);
    return isValue(result) ? [`${path} is ${shortened(JSON.stringify(result))}`] : [];
  });
  return told.length <= shownMax ? told.join(', ') : `${told.slice(0, shownMax).join(', ')} and ${told.length - shownMax} more`;
}

const shortened = (text: string): string => (text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`);
