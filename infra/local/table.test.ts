import assert from 'node:assert/strict';
import { it } from 'node:test';
import { chooseScanner } from './scanner-choice.ts';
import { renderDuration, renderTable } from './table.ts';

it('a table is as wide as its widest cells', () => {
  assert.equal(
    renderTable([
      ['name', 'pid'],
      ['a', '1234'],
    ]),
    'name  pid\na     1234',
  );
});

it('a duration is short and exact enough', () => {
  const [second, hour, day] = [1_000, 3_600_000, 86_400_000];
  const durations = [0, 59.9 * second, 60 * second, 2 * hour, 2.5 * hour, 3 * day, 30 * hour, 3 * day + hour, -5];
  assert.deepEqual(durations.map(renderDuration), ['0 s', '59 s', '1 min', '2 h', '2 h 30 min', '3 d', '1 d 6 h', '3 d 1 h', '0 s']);
});

it('the scanner is the best that is here, and a sample says that it is one', () => {
  const choose = (...programs: string[]) => chooseScanner((program) => programs.includes(program), 'sample {image}');
  assert.equal(choose('syft', 'osv-scanner', 'grype').scanner, 'osv');
  assert.equal(choose('osv-scanner', 'grype', 'trivy').scanner, 'grype');
  assert.equal(choose('trivy').scanner, 'trivy');
  assert.deepEqual([choose().scanner, /set SCANNER/.test(choose().note)], ['sample {image}', true]);
});
