import pLimit from 'p-limit';
import { planGateway, type AlertStep } from '../../core/alerts/alert-plan.ts';
import { cellSteps } from '../../core/alerts/cell-alerts.ts';
import { Explanations, holdableRow, type Failing } from '../../core/alerts/failing.ts';
import { isInForce } from '../../core/alerts/group-alerts.ts';
import { suspected } from '../../core/alerts/inhibition.ts';
import { patternSteps } from '../../core/alerts/pattern-alerts.ts';
import { sharedIncidentSteps } from '../../core/alerts/shared-incidents.ts';
import { siteIncidents, siteIncidentSteps, siteText } from '../../core/alerts/site-incidents.ts';
import { isStale } from '../../core/conditions/signals.ts';
import type { AlertItem } from '../../core/model.ts';
import { attributeNames, type AttributeValues } from '../../core/patterns/attributes.ts';
import { ticksForgiven } from '../../core/patterns/detect.ts';
import { everybody } from '../../core/patterns/evidence.ts';
import { valueKey } from '../../core/patterns/history.ts';
import { errorFields } from '../aws/invocation.ts';
import { writesAtOnce } from './emit.ts';
import type { FoundInTick } from './find-in-tick.ts';
import type { FleetLook, Look } from './look-at-fleet.ts';
import type { TickDeps } from './ports.ts';
import { takeStep, type StepContext } from './take-step.ts';

/**
 * Evaluates and writes: first the alerts about many gateways, then the gateways' own, which those may inhibit, then what
 * each customer is told of the former.
 */
export class Judge {
  readonly #deps: TickDeps;
  readonly #look: FleetLook;
  readonly #context: StepContext;
  /** The newest copy of every alert that was or has become open. */
  readonly current: Map<string, AlertItem>;
  written = 0;
  failed = 0;
  /** Alerts about many gateways that could not be judged. */
  failedGroups = 0;
  /** Keys of stored alerts that are damaged. */
  readonly damaged = new Set<string>();

  constructor(deps: TickDeps, look: FleetLook, open: readonly AlertItem[], context: StepContext) {
    this.#deps = deps;
    this.#look = look;
    this.#context = context;
    this.current = new Map(open.map((item) => [item.alertKey, item]));
  }

  async judge(found: FoundInTick | undefined): Promise<void> {
    const { limits } = this.#deps;
    const { looks, frozen, siteSizes, active, rowsOf } = this.#look;
    const failing = looks.flatMap((look) => look.failing);
    const { now } = this.#context;
    await this.#takeAll(cellSteps(frozen, this.current, limits));
    if (found) {
      const seen = { found: found.found, open: this.current, failing, gatewayCount: active, now, limits };
      await this.#takeAll(patternSteps(seen));
    }
    const inForce = found ? [...this.current.values()].filter(isInForce) : [];
    const explained = new Explanations(inForce);
    const sitesSeen = { failing, siteSizes, rowsOf, explained, open: this.current, limits };
    await this.#takeAll(siteIncidentSteps(sitesSeen));
    const limit = pLimit(writesAtOnce);
    const sites = siteIncidents(this.current.values());
    const inhibitors = { explained, sites, suspects: found?.suspects ?? new Set<string>() };
    await Promise.all(looks.map((look) => limit(() => this.#judgeGateway(look, inhibitors))));
    await this.#takeAll(
      sharedIncidentSteps({ alerts: [...this.current.values()], open: this.current, limits }),
    );
  }

  async #judgeGateway(look: Look, inhibitors: Inhibitors): Promise<void> {
    const { gateway, status, open, seen, values } = look;
    const { limits } = this.#deps;
    const isFresh = !isStale({ gateway, status, now: this.#context.now, limits });
    const view = { rows: this.#look.rowsOf(gateway.tenantId), fresh: isFresh ? status : undefined };
    try {
      for (const step of planGateway(gateway, open, seen, limits, view)) {
        const inhibitor = (stored: AlertItem | undefined) =>
          this.#inhibitorOf(step, { gateway, values }, stored, inhibitors);
        await this.#take(step, inhibitor);
      }
    } catch (thrown) {
      this.failed += 1;
      const { gatewayId } = gateway;
      this.#deps.log('error', 'proxy.gateway_failed', { gatewayId, ...errorFields(thrown) });
    }
  }

  async #takeAll(steps: readonly AlertStep[]): Promise<void> {
    const limit = pLimit(writesAtOnce);
    await Promise.all(steps.map((step) => limit(() => this.#takeGroup(step))));
  }

  /** One alert about many that cannot be judged keeps nobody else from being told: its gateways' own speak for them. */
  async #takeGroup(step: AlertStep): Promise<void> {
    try {
      await this.#take(step);
    } catch (thrown) {
      this.failedGroups += 1;
      const { alertKey, conditionId } = step;
      this.#deps.log('error', 'proxy.alert_failed', { alertKey, conditionId, ...errorFields(thrown) });
    }
  }

  async #take(step: AlertStep, inhibitor?: StepContext['inhibitor']): Promise<void> {
    const taken = await takeStep(this.#deps, step, { ...this.#context, inhibitor });
    const { item, wrote, isDamaged } = taken;
    if (isDamaged) this.damaged.add(step.alertKey);
    if (item) this.current.set(item.alertKey, item);
    if (wrote) this.written += 1;
  }

  #inhibitorOf(
    { conditionId }: AlertStep,
    { gateway, values }: Pick<Look, 'gateway' | 'values'>,
    stored: AlertItem | undefined,
    { explained, sites, suspects }: Inhibitors,
  ): string | undefined {
    if (!holdableRow(this.#look.rowsOf(gateway.tenantId), conditionId)) return undefined;
    const about: Pick<Failing, 'tenantId' | 'site' | 'conditionId' | 'values'> = {
      ...{ tenantId: gateway.tenantId, site: gateway.labels?.site, conditionId, values },
    };
    // Its owner was told by one of the two, and need not hear of the other.
    const site = sites.size === 0 ? undefined : sites.get(siteText(about));
    if (site && isInForce(site)) return site.alertKey;
    const pattern = explained.of(about);
    if (pattern !== undefined) return pattern;
    if (site) return site.alertKey;
    if (suspects.size === 0 || !isSuspect(suspects, conditionId, values)) return undefined;
    const firedAt = stored?.state === 'FIRING' ? stored.firedAt : undefined;
    const waitMaxMs = ticksForgiven * (this.#deps.patterns?.tickMs ?? 0);
    return this.#context.now - (firedAt ?? this.#context.now) < waitMaxMs ? suspected : undefined;
  }
}

interface Inhibitors {
  explained: Explanations;
  sites: ReadonlyMap<string, AlertItem>;
  suspects: ReadonlySet<string>;
}

/** The detector's keys are `condition attribute=value`, and `condition *` for everybody. */
function isSuspect(suspects: ReadonlySet<string>, conditionId: string, values: AttributeValues): boolean {
  if (suspects.has(`${conditionId} ${everybody.attribute}`)) return true;
  return values.some(
    (value, i) =>
      value !== undefined && suspects.has(`${conditionId} ${valueKey(attributeNames[i] ?? '', value)}`),
  );
}
