import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { AgentStorageRole } from './agent-storage-role.ts';
import { Alarms } from './alarms.ts';
import type { Config } from './config.ts';
import { deliverFunctionName, publishCell, useCellDirectory, useDeliver } from './cell-directory.ts';
import { HoldfastFunction, type Deployment, type HoldfastFunctionProps } from './function.ts';
import type { HomeStack } from './home-stack.ts';
import { HoldfastHttpApi } from './http-api.ts';
import { createConnectionsTable } from './tables.ts';
import { HoldfastWebSocketApi } from './websocket-api.ts';

export interface CellStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly cellId: string;
  readonly home: HomeStack;
}

/** What whoever connects can make run as often as they like. */
const drivenByConnections: ReadonlySet<string> = new Set([
  'WsAuthorizer',
  'Connect',
  'Disconnect',
  'Hello',
  'CommandReports',
  'Credentials',
  'KeyRotation',
  'StatusIngest',
  'DefaultRoute',
]);

function concurrencyShare({ connectionConcurrency, cells }: Config): number | undefined {
  if (connectionConcurrency === 0) return undefined;
  return Math.max(1, Math.floor(connectionConcurrency / cells.length / drivenByConnections.size));
}

/** One control server: a WebSocket API, the functions behind it, its holder rows and its own door for commands. */
export class CellStack extends Stack {
  readonly #props: CellStackProps;
  readonly #connections = createConnectionsTable(this);
  readonly #alarms: Alarms;

  constructor(scope: Construct, id: string, props: CellStackProps) {
    super(scope, id, props);
    this.#props = props;
    const { config } = props.deployment;
    this.#alarms = new Alarms(this, 'Alarms', { email: config.alarmEmail });

    const posting = this.#postingFunctions();
    const webSocket = new HoldfastWebSocketApi(this, 'WebSocket', {
      config,
      description: `Holdfast cell ${props.cellId}: connections of agents`,
      authorizer: this.#wsAuthorizer(),
      routes: {
        $connect: this.#function('Connect', {
          handler: 'Connect',
          description: 'Lets a verified connection in',
        }),
        $disconnect: this.#disconnect(),
        hello: posting.hello,
        'cmd.ack': posting.commandReports,
        'cmd.progress': posting.commandReports,
        'cmd.result': posting.commandReports,
        'creds.get': posting.credentials,
        'key.rotate': posting.keyRotation,
        status: posting.statusIngest,
        inventory: posting.statusIngest,
        'state.reported': posting.statusIngest,
        $default: posting.fallback,
      },
    });
    for (const fn of Object.values(posting)) webSocket.allowPosting(fn, 'POST');
    const { hello, commandReports, credentials, keyRotation, statusIngest, deliver } = posting;
    for (const fn of [hello, commandReports, credentials, keyRotation, statusIngest, deliver])
      webSocket.allowPosting(fn, 'DELETE');
    const http = new HoldfastHttpApi(this, 'Http', {
      config,
      description: `Holdfast cell ${props.cellId}: commands through this cell`,
      authorizer: this.#httpAuthorizer(),
      functions: { commands: this.#cellCommands() },
      cellOnly: true,
    });
    this.#alarms.watchServerErrors(http.api.metricServerError({ period: Duration.minutes(5) }));
    publishCell(this, 'DirectoryEntry', {
      cellId: props.cellId,
      webSocketUrl: webSocket.url,
      apiUrl: http.url,
      deliverFunctionName: deliverFunctionName(props.cellId),
    });
    new CfnOutput(this, 'WebSocketUrl', { value: webSocket.url, description: 'Where agents dial' });
    new CfnOutput(this, 'ApiUrl', { value: http.url, description: 'Commands through this cell' });
  }

  #function(id: string, props: Omit<HoldfastFunctionProps, 'deployment'>): HoldfastFunction {
    const { deployment } = this.#props;
    const reservedConcurrency = drivenByConnections.has(id) ? concurrencyShare(deployment.config) : undefined;
    const fn = new HoldfastFunction(this, id, { ...props, deployment, reservedConcurrency });
    this.#alarms.watchFunction(fn);
    return fn;
  }

  /** Lets the function reach the connections of these cells. */
  #useCells(fn: HoldfastFunction, cellIds: readonly string[]): HoldfastFunction {
    useCellDirectory(fn);
    useDeliver(fn, cellIds);
    return fn;
  }

  #postingFunctions() {
    return {
      hello: this.#hello(),
      commandReports: this.#commandReports(),
      credentials: this.#credentials(),
      keyRotation: this.#function('KeyRotation', {
        handler: 'KeyRotation',
        description: 'Replaces a gateway’s key by the next one that it signed for',
      }).useTable(this.#props.home.tables.gateways, 'get', 'update'),
      statusIngest: this.#statusIngest(),
      deliver: this.#deliver(),
      fallback: this.#function('DefaultRoute', {
        handler: 'Default',
        description: 'Answers what no other route takes',
      }),
    };
  }

  #httpAuthorizer(): HoldfastFunction {
    return this.#function('HttpAuthorizer', {
      handler: 'HttpAuthorizer',
      description: 'Verifies tenants’ bearer tokens',
    }).useTable(this.#props.home.tables.tokens, 'get');
  }

  #wsAuthorizer(): HoldfastFunction {
    return this.#function('WsAuthorizer', {
      handler: 'WsAuthorizer',
      description: 'Verifies dial tokens, each once',
    })
      .useTable(this.#props.home.tables.gateways, 'get', 'update')
      .useTable(this.#props.home.tables.cells, 'get')
      .setEnv('CELL_ID', this.#props.cellId);
  }

  #disconnect(): HoldfastFunction {
    return this.#function('Disconnect', {
      handler: 'Disconnect',
      description: 'Takes a route off that is still this connection’s',
    })
      .useTable(this.#props.home.tables.gateways, 'get', 'update')
      .useTable(this.#connections, 'get', 'delete');
  }

  #hello(): HoldfastFunction {
    const { config } = this.#props.deployment;
    const { tables } = this.#props.home;
    const fn = this.#function('Hello', {
      handler: 'Hello',
      description: 'Makes a connection the gateway’s route and sends what waited for it',
      timeout: Duration.seconds(20),
    });
    // It posts to its own cell’s connections itself.
    const peers = config.cells.filter((cellId) => cellId !== this.#props.cellId);
    return this.#useCells(fn, peers)
      .useTable(tables.gateways, 'get', 'update')
      .useTable(this.#connections, 'get', 'update', 'delete')
      .useTable(tables.commands, 'get', 'put', 'query:open')
      .useTable(tables.configurations, 'get', 'update')
      .useTable(tables.audit, 'insert')
      .setEnv('CELL_ID', this.#props.cellId)
      .setEnv('HEARTBEAT_INTERVAL_MS', config.heartbeatIntervalMs)
      .setEnv('RECONNECT_WINDOW_MS', config.reconnectWindowMs)
      .setEnv('CHANGE_BURST', config.changeBurst);
  }

  #commandReports(): HoldfastFunction {
    const { tables } = this.#props.home;
    return this.#function('CommandReports', {
      handler: 'CommandReports',
      description: 'Takes acknowledgements, progress and results of commands',
    })
      .useTable(tables.gateways, 'get', 'update')
      .useTable(tables.commands, 'get', 'put', 'query:open')
      .useTable(tables.audit, 'insert')
      .setEnv('CELL_ID', this.#props.cellId);
  }

  #credentials(): HoldfastFunction {
    const { tables, snapshots } = this.#props.home;
    const fn = this.#function('Credentials', {
      handler: 'Credentials',
      description: 'Cuts S3 sessions for one gateway, one volume and one purpose',
    }).useTable(tables.gateways, 'get');
    const { role } = new AgentStorageRole(this, 'AgentStorage', {
      bucket: snapshots.bucket,
      issuer: fn.lambda,
    });
    return fn
      .allow(['sts:AssumeRole'], [role.roleArn])
      .setEnv('AGENT_STORAGE_ROLE_ARN', role.roleArn)
      .setEnv('SNAPSHOT_BUCKET', snapshots.bucket.bucketName);
  }

  #statusIngest(): HoldfastFunction {
    const { tables } = this.#props.home;
    return this.#function('StatusIngest', {
      handler: 'StatusIngest',
      description: 'Stores what gateways report about themselves',
    })
      .useTable(tables.status, 'get', 'put')
      .useTable(tables.inventory, 'get', 'put')
      .useTable(tables.rollups, 'get', 'put')
      .useTable(tables.configurations, 'get', 'update')
      .useTable(tables.gateways, 'get', 'update')
      .setEnv('CELL_ID', this.#props.cellId);
  }

  #deliver(): HoldfastFunction {
    return this.#function('Deliver', {
      handler: 'Deliver',
      description: 'Posts what home or another cell hands over to a connection of this cell',
      functionName: deliverFunctionName(this.#props.cellId),
    })
      .useTable(this.#connections, 'get', 'delete', 'scan')
      .useTable(this.#props.home.tables.gateways, 'get', 'update');
  }

  #cellCommands(): HoldfastFunction {
    const { cellId, deployment, home } = this.#props;
    const fn = this.#function('CellCommands', {
      handler: 'Commands',
      description: 'Takes commands through this cell’s own door',
    });
    return this.#useCells(fn, deployment.config.cells)
      .useTable(home.tables.gateways, 'get', 'update')
      .useTable(home.tables.commands, 'get', 'put', 'query:open', 'query:byTime')
      .useTable(home.tables.audit, 'insert')
      .useTable(this.#connections, 'get')
      .setEnv('CELL_ID', cellId)
      .setEnv('FORWARDING_MODE', deployment.config.forwardingMode);
  }
}
