// `npm run tools -- <name>...`: builds pinned Go programs into .waybill/tools, for what must not build them while it runs.
import { ensureGoTool, goTools, type GoTool } from './tools.ts';

const isTool = (name: string): name is GoTool => Object.hasOwn(goTools, name);

const names = process.argv.slice(2);
if (names.length === 0 || !names.every(isTool)) {
  console.error(`npm run tools -- <name>...: ${Object.keys(goTools).join(', ')}`);
  process.exit(2);
}
for (const name of names) console.log(await ensureGoTool(name, { onProgress: (line) => console.log(line) }));
