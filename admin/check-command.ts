import type { Command } from 'commander';
import { conditionById } from '../core/conditions/conditions.ts';
import { HoldfastError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { typed } from '../core/typed.ts';
import type { AdminCommandDeps } from './admin-command.ts';
import { checkPlaybook, problemText } from './playbook-file.ts';
import type { Playbook } from './playbook-schema.ts';

/** `admin check FILE`: everything that is wrong with a playbook, by line; it asks nobody. */
export function addCheckCommand(admin: Command, { stdout }: Pick<AdminCommandDeps, 'stdout'>): void {
  const check = admin
    .command('check <file>')
    .description('say what is wrong with a playbook, line by line, without acting on anything')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `\nExamples:\n  $ ${typed('holdfast admin check playbook.yaml')}\n  $ ${typed('holdfast admin check playbook.yaml --json')}`,
    )
    .action(async (file: string) => {
      const { json } = check.opts<{ json?: boolean }>();
      const checked = await checkPlaybook(file);
      const problems = 'problems' in checked ? checked.problems : [];
      const unanswered = 'playbook' in checked ? unansweredIn(checked.playbook) : [];
      if (json) stdout(JSON.stringify({ file, problems, unanswered }, null, 2));
      else if ('playbook' in checked) stdout(soundText(file, checked.playbook, unanswered));
      else stdout(printable(problems.map((problem) => problemText(file, problem)).join('\n')));
      if (problems.length > 0)
        throw new HoldfastError('CONFIG', `playbook ${file} has ${countOf(problems.length, 'fault')}`, {
          hint: 'docs/playbooks.md has the format',
        });
    });
}

/** Conditions that no play is for and that the playbook does not name as left to people either. */
function unansweredIn({ plays, none }: Playbook): string[] {
  const named = new Set([...plays.map(({ condition }) => condition), ...Object.keys(none)]);
  return [...conditionById.keys()].filter((id) => !named.has(id));
}

function soundText(file: string, { plays, none }: Playbook, unanswered: string[]): string {
  const left = Object.keys(none).length;
  const sound = `${file}: sound, ${countOf(plays.length, 'play')}, ${countOf(left, 'condition')} left to people`;
  return unanswered.length > 0 ? `${sound}; nothing is said of ${unanswered.join(', ')}` : sound;
}

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
