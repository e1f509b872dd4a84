import { Command } from 'commander';
import { addAdminCommands, type AdminCommandDeps } from '../admin/admin-command.ts';
import { lockProcess } from '../agent/state/process-lock.ts';
import { agentVersion } from '../agent/version.ts';
import { addAccessCommands } from '../cli/access-commands.ts';
import { addActivationCommands } from '../cli/activation-commands.ts';
import { adminConnection } from '../cli/admin-connection.ts';
import { addAlertCommands } from '../cli/alert-commands.ts';
import { addAuditCommand } from '../cli/audit-command.ts';
import { addBulkCommands } from '../cli/bulk-commands.ts';
import { addCommandCommands } from '../cli/command-commands.ts';
import { printFirstSteps } from '../cli/first-steps.ts';
import { addFleetCommands } from '../cli/fleet-commands.ts';
import { addGatewayCommands } from '../cli/gateway-commands.ts';
import { commandGroup, exampleText, type CliDeps } from '../cli/program.ts';
import { addPatternCommands } from '../cli/pattern-commands.ts';
import { addUpCommand, type UpDeps } from '../cli/up-command.ts';

/** What only the process itself can give. */
type HoldfastDeps = CliDeps &
  Pick<UpDeps, 'start' | 'interrupted' | 'isTerminal'> &
  Pick<AdminCommandDeps, 'stopSignal' | 'setExitCode'>;

/** The command `holdfast` with everything below it. */
export function holdfastProgram(deps: HoldfastDeps): Command {
  const program = new Command('holdfast')
    .description('the control plane of a fleet of storage gateways')
    // One package, one version.
    .version(agentVersion)
    .addHelpText(
      'after',
      exampleText([
        'up',
        'activation create --out code.txt',
        'gateways list',
        'send gw-7x2k snapshot.create -p volumeId=vol1',
        'alerts list',
      ]),
    );
  addUpCommand(program, { ...deps, onReady: (client, dataDir) => printFirstSteps(client, dataDir, deps) });
  addActivationCommands(program, deps);
  addGatewayCommands(program, deps);
  addCommandCommands(program, deps);
  addBulkCommands(program, deps);
  addAlertCommands(program, deps);
  addAuditCommand(program, deps);
  addFleetCommands(program, deps);
  addPatternCommands(program, deps);
  const admin = commandGroup(program, 'admin', 'the customer’s side: admin process, subscriptions, tokens', [
    'admin subscribe --queue-name holdfast-alerts-main',
    'admin run --queue $QUEUE_URL --playbook playbook.yaml',
    'admin check playbook.yaml',
    'admin token create --role tenant-admin --out admin.token',
  ]);
  addAccessCommands(admin, deps);
  addAdminCommands(admin, {
    ...deps,
    connect: (flags) => adminConnection(flags, deps.env),
    columns: () => process.stdout.columns ?? 80,
    lock: lockProcess,
  });
  return program;
}
