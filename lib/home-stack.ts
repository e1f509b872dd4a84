import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { diagnosticsFolder } from '../core/diagnostics.ts';
import { ApiLoggingAccount } from './access-log.ts';
import { Alarms } from './alarms.ts';
import { AlertBus } from './alert-bus.ts';
import { AlertSubscriptions } from './alert-subscriptions.ts';
import { bulkRunnerFunction, bulkSendsFunction } from './bulk-functions.ts';
import { useCellDirectory, useDeliver } from './cell-directory.ts';
import { createDeadLetterQueue } from './dead-letters.ts';
import { designReportFunction } from './design-report.ts';
import { HoldfastFunction, type Deployment, type HoldfastFunctionProps } from './function.ts';
import { HoldfastHttpApi } from './http-api.ts';
import { acknowledgeWildcard } from './nag.ts';
import { periodOf, scheduleTick } from './schedules.ts';
import { SnapshotBucket } from './snapshot-bucket.ts';
import { HomeTables } from './tables.ts';

/** A tick that failed or came late is not repeated: the next one does its work. */
const tick = { asynchronous: true, retryAttempts: 0, maxEventAge: Duration.minutes(1) };

export interface HomeStackProps extends StackProps {
  readonly deployment: Deployment;
}

/** What exists once: identity, routes, commands, status, alerts, snapshots, and the API for people. */
export class HomeStack extends Stack {
  readonly tables = new HomeTables(this, 'Tables');
  readonly snapshots = new SnapshotBucket(this, 'Snapshots');
  readonly #deployment: Deployment;
  readonly #deadLetters = createDeadLetterQueue(this, 'DeadLetters');
  readonly #alarms: Alarms;

  constructor(scope: Construct, id: string, props: HomeStackProps) {
    super(scope, id, props);
    this.#deployment = props.deployment;
    const { config } = props.deployment;
    this.#alarms = new Alarms(this, 'Alarms', { email: config.alarmEmail });
    this.#alarms.watchDeadLetters(this.#deadLetters);
    new ApiLoggingAccount(this, 'ApiLogging');
    const subscriptions = this.#subscriptions();
    const parts = { tables: this.tables, tick, create: this.#function.bind(this) };

    const http = new HoldfastHttpApi(this, 'Http', {
      config,
      description: 'Holdfast: gateways, commands, alerts and access of every tenant',
      authorizer: this.#httpAuthorizer(),
      functions: {
        activation: this.#activation(),
        gateways: this.#gateways(),
        configuration: this.#configuration(),
        cells: this.#cells(),
        commands: this.#commands(),
        diagnostics: this.#bundleLinks(),
        bulk: bulkSendsFunction(parts),
        alerts: this.#alerts(),
        subscriptions: subscriptions.api,
        access: this.#access(),
        audit: this.#audit(),
      },
    });
    this.#alarms.watchServerErrors(http.api.metricServerError({ period: Duration.minutes(5) }));
    this.#sweeper();
    this.#tick('BulkRunnerTick', bulkRunnerFunction(parts, config), config.schedules.bulkRunner);
    this.#alerting(subscriptions);
    this.#tick('DesignReportTick', designReportFunction(parts), config.schedules.designReport);
    new CfnOutput(this, 'ApiUrl', {
      value: http.url,
      description: 'The HTTP API, for tenants and operators',
    });
    new CfnOutput(this, 'SnapshotBucketName', { value: this.snapshots.bucket.bucketName });
  }

  #function(
    id: string,
    props: Omit<HoldfastFunctionProps, 'deployment' | 'deadLetterQueue'> & { asynchronous?: boolean },
  ): HoldfastFunction {
    const { asynchronous, ...rest } = props;
    const fn = new HoldfastFunction(this, id, {
      ...rest,
      deployment: this.#deployment,
      deadLetterQueue: asynchronous ? this.#deadLetters : undefined,
    });
    this.#alarms.watchFunction(fn);
    return fn;
  }

  #httpAuthorizer(): HoldfastFunction {
    return this.#function('HttpAuthorizer', {
      handler: 'HttpAuthorizer',
      description: 'Verifies tenants’ bearer tokens',
    }).useTable(this.tables.tokens, 'get');
  }

  #activation(): HoldfastFunction {
    const fn = this.#function('Activation', {
      handler: 'Activation',
      description: 'Creates activation codes and trades them for identities',
    })
      .useTable(this.tables.activationCodes, 'get', 'put', 'update')
      .useTable(this.tables.gateways, 'get', 'put')
      .useTable(this.tables.audit, 'insert');
    useCellDirectory(fn);
    return fn;
  }

  #gateways(): HoldfastFunction {
    const fn = this.#function('Gateways', {
      handler: 'Gateways',
      description: 'Lists, shows, renames and revokes gateways',
    })
      .useTable(this.tables.gateways, 'get', 'batchGet', 'update', 'scan', 'query:byTenant')
      .useTable(this.tables.status, 'get', 'batchGet')
      .useTable(this.tables.inventory, 'get')
      .useTable(this.tables.rollups, 'query')
      .useTable(this.tables.commands, 'get', 'put', 'query:open')
      .useTable(this.tables.audit, 'insert')
      .setEnv('HEARTBEAT_INTERVAL_MS', this.#deployment.config.heartbeatIntervalMs);
    useCellDirectory(fn);
    useDeliver(fn, this.#deployment.config.cells);
    return fn;
  }

  #configuration(): HoldfastFunction {
    const { config } = this.#deployment;
    const fn = this.#function('Configuration', {
      handler: 'Configuration',
      description: 'Shows and sets what gateways are set to, and tells them',
    })
      .useTable(this.tables.gateways, 'get', 'update')
      .useTable(this.tables.configurations, 'get', 'update')
      .useTable(this.tables.audit, 'insert')
      .setEnv('FORWARDING_MODE', config.forwardingMode);
    useCellDirectory(fn);
    useDeliver(fn, config.cells);
    return fn;
  }

  #cells(): HoldfastFunction {
    const fn = this.#function('Cells', {
      handler: 'Cells',
      description: 'Shows cells, and empties them or lets gateways in again',
      // The cell tells its connections for as long as its own function may run.
      timeout: Duration.seconds(20),
    })
      .useTable(this.tables.cells, 'get', 'update')
      .useTable(this.tables.audit, 'insert');
    useCellDirectory(fn);
    useDeliver(fn, this.#deployment.config.cells);
    return fn;
  }

  #commands(): HoldfastFunction {
    const { config } = this.#deployment;
    const fn = this.#function('Commands', {
      handler: 'Commands',
      description: 'Takes commands and shows what became of them',
    })
      .useTable(this.tables.gateways, 'get', 'update')
      .useTable(this.tables.commands, 'get', 'put', 'query:open', 'query:byTime')
      .useTable(this.tables.audit, 'insert')
      .setEnv('FORWARDING_MODE', config.forwardingMode);
    useCellDirectory(fn);
    useDeliver(fn, config.cells);
    return fn;
  }

  /** Alone, because a link can do what its signer can: this role reads bundles and no snapshots. */
  #bundleLinks(): HoldfastFunction {
    const { bucket } = this.snapshots;
    const fn = this.#function('BundleLinks', {
      handler: 'BundleLinks',
      description: 'Signs links to diagnostics bundles',
    })
      .useTable(this.tables.gateways, 'get')
      .useTable(this.tables.commands, 'get')
      .useTable(this.tables.audit, 'insert')
      .setEnv('SNAPSHOT_BUCKET', bucket.bucketName);
    const everyBundle = `${bucket.bucketArn}/${diagnosticsFolder}/*`;
    acknowledgeWildcard(fn, everyBundle, 'The bundles of every gateway: each link names one of them.');
    return fn.allow(['s3:GetObject'], [everyBundle]);
  }

  #sweeper(): void {
    const { config } = this.#deployment;
    const fn = this.#function('Sweeper', {
      handler: 'Sweeper',
      description: 'Finishes what a crash left half-done, expires and times out commands',
      timeout: Duration.seconds(50),
      ...tick,
    })
      .useTable(this.tables.gateways, 'get', 'update')
      .useTable(this.tables.commands, 'get', 'put', 'query:open', 'query:openByShard')
      .useTable(this.tables.audit, 'insert')
      .setEnv('FORWARDING_MODE', config.forwardingMode);
    useCellDirectory(fn);
    useDeliver(fn, config.cells);
    this.#tick('SweeperTick', fn, config.schedules.sweeper);
  }

  #alerts(): HoldfastFunction {
    return this.#function('Alerts', {
      handler: 'Alerts',
      description: 'Shows alerts, takes acknowledgements, silences, and what tenants set conditions to',
    })
      .useTable(this.tables.alerts, 'get', 'put', 'query:byTenant', 'query:open')
      .useTable(this.tables.gateways, 'get')
      .useTable(this.tables.status, 'get')
      .useTable(this.tables.conditionSettings, 'get', 'put')
      .useTable(this.tables.silences, 'get', 'put', 'update', 'delete', 'query')
      .setEnv('RECONNECT_WINDOW_MS', this.#deployment.config.reconnectWindowMs)
      .useTable(this.tables.commands, 'query')
      .useTable(this.tables.patterns, 'get')
      .useTable(this.tables.audit, 'insert');
  }

  #access(): HoldfastFunction {
    return this.#function('Access', { handler: 'Access', description: 'Tokens of tenants' })
      .useTable(this.tables.tokens, 'get', 'put', 'delete', 'query:byTenant')
      .useTable(this.tables.audit, 'insert');
  }

  #audit(): HoldfastFunction {
    const fn = this.#function('Audit', { handler: 'Audit', description: 'Shows the audit trail' });
    return fn.useTable(this.tables.audit, 'query', 'query:byGateway');
  }

  #subscriptions(): AlertSubscriptions {
    const { config } = this.#deployment;
    const subscriptions = new AlertSubscriptions(this, {
      tables: this.tables,
      loopbackWebhooks: config.loopbackWebhooks,
      tick,
      create: (id, props) => this.#function(id, props),
    });
    this.#tick('AlertRetriesTick', subscriptions.retries, config.schedules.alertRetries);
    return subscriptions;
  }

  #alerting({ router }: AlertSubscriptions): void {
    const { config } = this.#deployment;
    const alertBus = new AlertBus(this, 'AlertBus');
    const proxy = this.#function('StatusProxy', {
      handler: 'StatusProxy',
      description: 'Looks through every gateway’s status for conditions and emits alerts',
      timeout: Duration.seconds(50),
      memorySizeMiB: 1_024,
      ...tick,
    })
      .useTable(this.tables.status, 'scan')
      .useTable(this.tables.gateways, 'scan', 'batchGet', 'query:byNews')
      .useTable(this.tables.conditionSettings, 'scan')
      .useTable(this.tables.alerts, 'get', 'put', 'query:open')
      .useTable(this.tables.inventory, 'batchGet')
      .useTable(this.tables.patterns, 'get', 'put')
      .setEnv('PROXY_INTERVAL_MS', periodOf(config.schedules.statusProxy).toMilliseconds())
      .useTable(this.tables.silences, 'query')
      .useTable(this.tables.configurations, 'batchGet')
      .setEnv('ALERT_BUS_NAME', alertBus.bus.eventBusName)
      .setEnv('HEARTBEAT_INTERVAL_MS', config.heartbeatIntervalMs)
      .setEnv('RECONNECT_WINDOW_MS', config.reconnectWindowMs)
      .setEnv('LATEST_AGENT_VERSION', config.latestAgentVersion)
      .allow(['events:PutEvents'], [alertBus.bus.eventBusArn]);
    this.#tick('StatusProxyTick', proxy, config.schedules.statusProxy);

    alertBus.routeTo(router.lambda, this.#deadLetters);
  }

  #tick(id: string, target: HoldfastFunction, expression: string): void {
    scheduleTick(this, id, { target, expression, deadLetterQueue: this.#deadLetters });
    this.#alarms.watchHeartbeat(target, periodOf(expression));
  }
}
