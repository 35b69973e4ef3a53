import { ConditionError } from './condition-error.ts';
import { facts } from './facts.ts';
import { typeOf, type Node } from './parse.ts';
import { depthMax, lengthCheck, type Ask, type Run, type Scope } from './scope.ts';
import { decide, isValue, lackOf, type Result, type Value } from './value.ts';

type Look = (list: readonly Value[], ask: (element: Value) => Result) => Result;

/** What looks at each element of a list, or each key of a map. */
const loops = {
  exists: (list, ask) => untilDecided(true, list, ask),
  all: (list, ask) => untilDecided(false, list, ask),
  exists_one: (list, ask) => withAll(list, ask, (answers) => answers.filter((answer) => answer === true).length === 1),
  filter: (list, ask) => withAll(list, ask, (answers) => list.filter((_, at) => answers[at] === true)),
  map: (list, ask) => withAll(list, ask, (answers) => answers),
} as const satisfies Record<string, Look>;
type LoopName = keyof typeof loops;

export const loopNames = Object.keys(loops);
export const isLoop = (name: string): name is LoopName => Object.hasOwn(loops, name);

/** As many `||`, or `&&`, in a row. */
function untilDecided(decisive: boolean, list: readonly Value[], ask: (element: Value) => Result): Result {
  let result: Result = !decisive;
  for (const element of list) {
    result = decide(decisive, result, ask(element));
    if (result === decisive) return result;
  }
  return result;
}

function withAll(list: readonly Value[], ask: (element: Value) => Result, read: (answers: readonly Value[]) => Result): Result {
  const answers = list.map(ask);
  return answers.every(isValue) ? read(answers) : lackOf(answers);
}

export function compileLoop(name: LoopName, receiver: Node, args: readonly Node[], scope: Scope): Ask {
  const [variable, body, more] = args as [Extract<Node, { readonly op: 'id' }>, Node, Node | undefined];
  if (more) throw new ConditionError('write a condition of map() as a filter() before it', more.pos);
  if (scope.bound.length === depthMax) throw new ConditionError('at most two lists lie in one another', receiver.pos);
  if (Object.hasOwn(facts, variable.args) || scope.bound.some(({ name: known }) => known === variable.args))
    throw new ConditionError(`${variable.args} is taken: call the element something else`, variable.pos);
  const askList = scope.compile(receiver, scope);
  const element = { name: variable.args, type: elementOf(typeOf(receiver)) };
  let isOuter = false;
  const onLoop = (): void => void (isOuter = true);
  const askElement = scope.compile(body, { ...scope, bound: [...scope.bound, element], onLoop });
  scope.onLoop();
  const loop: Look = loops[name];
  const refuse = lengthCheck(receiver, scope, isOuter);
  const place = scope.bound.length;
  return (run) => {
    const owner = askList(run);
    if (!isValue(owner)) return owner;
    const list = Array.isArray(owner) ? (owner as readonly Value[]) : Object.keys(owner);
    // One for all elements: whoever asks of one is done with it before the next.
    const bound = [...run.bound];
    const within: Run = { question: run.question, bound };
    const ask = (value: Value): Result => {
      bound[place] = value;
      return askElement(within);
    };
    return refuse(list) ?? loop(list, ask);
  };
}

const elementOf = (listType: string): string => /^(?:list<(.*)>|map<(.*), .*>)$/.exec(listType)?.slice(1).find(Boolean) ?? '';
