import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import { WebSocketServer, type RawData, type ServerOptions, type WebSocket } from 'ws';
import type { ServiceCaller } from '../functions/callers.ts';
import type { Region } from '../region.ts';
import type { Identities } from '../services/identities.ts';
import type { ApiModel, Route } from './api-model.ts';
import { authorizeConnect } from './connect-authorization.ts';
import { Connection, type ConnectionInfo } from './connection.ts';
import { FrameScanner } from './frame-scanner.ts';
import { handleManagement } from './management.ts';
import { gatewayId, sendMessage } from './request.ts';
import {
  connectEvent,
  disconnectEvent,
  messageEvent,
  selectRoute,
  type EventPlace,
} from './websocket-event.ts';
import type { WebSocketLimits } from './websocket-limits.ts';
import { requestTarget } from '../request-target.ts';

const service = 'apigateway.amazonaws.com';

export interface WebSocketApiDeps {
  readonly api: ApiModel;
  readonly region: Region;
  readonly identities: Identities;
  readonly caller: Pick<ServiceCaller, 'call'>;
  readonly limits: WebSocketLimits;
  readonly now: () => Date;
  readonly onFault: (error: unknown) => void;
}

/** A refusal of the handshake: status and the words of API Gateway. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** A WebSocket API: `$connect` with its authorizer, routes by message, `$disconnect`, and `@connections`. */
export class WebSocketApi {
  readonly server: Server;
  readonly #deps: WebSocketApiDeps;
  readonly #connections = new Map<string, Connection>();
  readonly #sockets: WebSocketServer;
  #closing = false;

  constructor(deps: WebSocketApiDeps) {
    this.#deps = deps;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: deps.limits.messageBytes,
      perMessageDeflate: false,
      clientTracking: false,
      // Known to ws, not yet to its types: how long a peer may take to answer a close frame.
      closeTimeout: deps.limits.closeMs,
    } as ServerOptions);
    this.server = createServer((request, response) => {
      this.#manage(request, response).catch((error: unknown) => {
        deps.onFault(error);
        sendMessage(response, 500, 'Internal server error');
      });
    });
    this.server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      this.#connect(request, socket, head).catch((error: unknown) => {
        deps.onFault(error);
        refuse(socket, { status: 500, message: 'Internal server error' });
      });
    });
  }

  /** Ends all connections without telling any function: a stop of this machine is not a `$disconnect`. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#connections.values()) connection.terminate();
  }

  /** An open connection; what `@connections` looks up. */
  find(connectionId: string): Connection | undefined {
    return this.#connections.get(connectionId);
  }

  async #manage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { api, region, identities, limits, now } = this.#deps;
    const find = (id: string) => this.find(id);
    await handleManagement(request, response, {
      apiId: api.id,
      stages: api.stages,
      region,
      identities,
      limits,
      now,
      find,
    });
  }

  async #connect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { api, now, limits } = this.#deps;
    const stage = requestTarget(request.url).pathname.replace(/^\/|\/$/g, '');
    if (!api.stages.includes(stage)) return refuse(socket, { status: 403, message: 'Forbidden' });
    const place = { apiId: api.id, stage };
    const route = this.#route('$connect');
    const bare: ConnectionInfo = {
      id: gatewayId(),
      connectedAt: now(),
      sourceIp: request.socket.remoteAddress ?? '',
      userAgent: request.headers['user-agent'] ?? '',
      host: request.headers.host ?? '',
    };
    const authorized = await authorizeConnect(
      request,
      route,
      connectEvent(place, bare, request, now()),
      place,
      this.#deps,
    );
    if ('status' in authorized) return refuse(socket, authorized);
    const info = authorized.context ? { ...bare, authorizer: authorized.context } : bare;
    const answer = route ? await this.#callConnect(route, place, info, request) : { headers: {} };
    if ('status' in answer) return refuse(socket, answer);
    if (socket.destroyed || this.#closing) return void this.#disconnected(place, info, 1006, '');
    this.#accept(request, socket, head, place, info, limits, answer.headers);
  }

  async #callConnect(
    route: Route,
    place: EventPlace,
    info: ConnectionInfo,
    request: IncomingMessage,
  ): Promise<Refusal | { headers: Record<string, string> }> {
    const event = connectEvent(place, info, request, this.#deps.now());
    const result = await this.#call(route, place, event);
    if (result.kind === 'timeout') return { status: 504, message: 'Endpoint request timed out' };
    if (result.kind === 'forbidden' || result.kind === 'throttled')
      return { status: 500, message: 'Internal server error' };
    const payload =
      result.kind === 'ok' ? (result.payload as { statusCode?: unknown; headers?: unknown } | null) : null;
    const status = Number(payload?.statusCode);
    if (!Number.isInteger(status)) return { status: 502, message: 'Internal server error' };
    if (status < 200 || status > 299) return { status, message: STATUS_CODES[status] ?? 'Forbidden' };
    return { headers: (payload?.headers ?? {}) as Record<string, string> };
  }

  #accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    place: EventPlace,
    info: ConnectionInfo,
    limits: WebSocketLimits,
    headers: Record<string, string>,
  ): void {
    let webSocket: WebSocket | undefined;
    const scanner = new FrameScanner((payloadBytes) => {
      if (payloadBytes > limits.frameBytes) webSocket?.close(1009, 'Frame too long');
    });
    // Before ws listens, so that a frame's length is known before its message is handed on.
    socket.on('data', (chunk: Buffer) => scanner.push(chunk));
    const protocol = Object.entries(headers).find(
      ([name]) => name.toLowerCase() === 'sec-websocket-protocol',
    )?.[1];
    this.#sockets.options.handleProtocols = () => protocol ?? false;
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      webSocket = opened;
      const connection = new Connection(info, opened, limits, this.#deps.now);
      this.#connections.set(info.id, connection);
      opened.on('message', (data: RawData, isBinary: boolean) => {
        if (opened.readyState !== opened.OPEN) return;
        connection.touch();
        this.#message(place, connection, data as Buffer, isBinary).catch(this.#deps.onFault);
      });
      opened.on('error', () => undefined); // ws closes by itself, with 1009 or 1002.
      opened.once('close', (code, reason) => {
        this.#connections.delete(info.id);
        this.#disconnected(place, info, code, reason.toString());
      });
      scanner.push(head);
    });
  }

  async #message(place: EventPlace, connection: Connection, data: Buffer, isBinary: boolean): Promise<void> {
    const selected = selectRoute(
      this.#deps.api.properties.RouteSelectionExpression ?? '',
      data.toString('utf8'),
    );
    const route = (selected === undefined ? undefined : this.#route(selected)) ?? this.#route('$default');
    const tell = async (message: string) => {
      const answer = { message, connectionId: connection.info.id, requestId: gatewayId() };
      if (connection.isOpen) await connection.send(Buffer.from(JSON.stringify(answer)));
    };
    if (!route) return tell('Forbidden');
    const event = messageEvent(place, connection.info, route.routeKey, data, isBinary, this.#deps.now());
    const result = await this.#call(route, place, event);
    if (result.kind === 'timeout') return tell('Endpoint request timed out');
    if (result.kind !== 'ok') return tell('Internal server error');
  }

  #disconnected(place: EventPlace, info: ConnectionInfo, code: number, reason: string): void {
    const route = this.#route('$disconnect');
    if (!route || this.#closing) return;
    const event = disconnectEvent(place, info, code, reason, this.#deps.now());
    this.#call(route, place, event).catch(this.#deps.onFault);
  }

  #call(route: Route, { stage }: EventPlace, event: object) {
    const { api, region, caller } = this.#deps;
    const sourceArn = region.arn('execute-api', `${api.id}/${stage}/${route.routeKey}`);
    return caller.call(service, route.functionArn, sourceArn, event, route.timeoutMs);
  }

  #route(routeKey: string): Route | undefined {
    return this.#deps.api.routes.find((route) => route.routeKey === routeKey);
  }
}

function refuse(socket: Duplex, { status, message }: Refusal): void {
  if (socket.destroyed) return;
  const body = JSON.stringify({ message });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ndate: ${new Date().toUTCString()}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
