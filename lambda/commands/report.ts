import { ackNeedsGrant, transition, type CommandEvent } from '../../core/commands/machine.ts';
import { isFinal } from '../../core/commands/states.ts';
import type { Upstream } from '../../core/messages.ts';
import { grantStart } from '../../core/routes/route-rules.ts';
import type { AuditTrail } from '../audit/trail.ts';
import { requireLive, type FrameDeps, type Socket } from '../connections/socket.ts';
import { applyEvent } from './apply.ts';
import { perform, type DeliveryDeps } from './delivery.ts';
import type { CommandStore, GatewayStore } from './ports.ts';
import { ownConnection, postDrafts } from './reach.ts';

export interface ReportDeps extends FrameDeps {
  cellId: string;
  gateways: GatewayStore;
  commands: CommandStore;
  audit: AuditTrail;
}

export const reportTypes = ['cmd.ack', 'cmd.progress', 'cmd.result'] as const;
export type Report = Extract<Upstream, { t: (typeof reportTypes)[number] }>;

const triesMax = 8;

/** What an agent says about a command. Frames of a connection that is not the route are dropped: they come again. */
export async function takeReport(deps: ReportDeps, socket: Socket, report: Report): Promise<void> {
  if (!(await requireLive(deps, socket, report.id))) return;
  const location = { cellId: deps.cellId, epoch: socket.epoch, connectionId: socket.connectionId };
  const delivery = { ...deps, reach: ownConnection(deps, location) };
  if (report.t === 'cmd.ack') return takeAck(delivery, socket, report);
  const key = { gatewayId: socket.gatewayId, commandId: report.body.commandId };
  const applied = await applyEvent(deps.commands, key, eventOf(report, deps.clock.now()));
  if (applied) {
    logState(delivery, applied.changed && report.t === 'cmd.result', applied.item);
    await perform(delivery, applied.item, applied.effects);
  } else if (report.t === 'cmd.result') {
    // Nobody waits for it any more, so that the agent need not keep it.
    const { commandId, attempt } = report.body;
    deps.log('warn', 'command.unknown-result', key);
    await postDrafts(deps, socket, [{ t: 'result.ack', body: { commandId, attempt } }]);
  }
}

function eventOf(report: Exclude<Report, { t: 'cmd.ack' }>, at: number): CommandEvent {
  if (report.t === 'cmd.progress') return { type: 'progress', at, ...report.body };
  return { type: 'result', at, ...report.body };
}

/**
 * The start grant comes between the read of the command and its write: whoever takes the grant back moves the
 * command's version on, so an ACKED that is written here has its grant, and only then `cmd.go` is sent.
 */
async function takeAck(
  deps: DeliveryDeps & FrameDeps,
  socket: Socket,
  { body }: Extract<Report, { t: 'cmd.ack' }>,
): Promise<void> {
  const { gatewayId } = socket;
  const { commandId } = body;
  for (let tries = 0; tries < triesMax; tries++) {
    const item = await deps.commands.get(gatewayId, commandId);
    if (!item) {
      deps.log('warn', 'command.unknown-ack', { gatewayId, commandId });
      await postDrafts(deps, socket, [{ t: 'cmd.cancel', body: { commandId } }]);
      return;
    }
    if (ackNeedsGrant(item, body)) {
      const granted = await deps.gateways.update(gatewayId, grantStart(commandId, body.journalId, socket));
      if (!granted) {
        deps.log('warn', 'command.start-refused', { gatewayId, commandId, epoch: socket.epoch });
        return;
      }
    }
    const { next, effects } = transition(item, { type: 'ack', at: deps.clock.now(), ...body });
    if (next && !(await deps.commands.replace(next))) continue;
    logState(deps, next !== undefined, next ?? item);
    await perform(deps, next ?? item, effects);
    return;
  }
  deps.log('warn', 'command.contended', { gatewayId, commandId });
}

function logState(
  { log }: Pick<DeliveryDeps, 'log'>,
  changed: boolean,
  { gatewayId, commandId, kind, state, attempt }: Parameters<DeliveryDeps['commands']['replace']>[0],
): void {
  if (changed)
    log('info', isFinal(state) ? 'command.final' : 'command.acked', {
      gatewayId,
      commandId,
      kind,
      state,
      attempt,
    });
}
