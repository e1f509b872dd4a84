/** What a worker thread is given at birth. */
export interface WorkerSetup {
  readonly handlerFile: string;
  readonly exportName: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
  readonly logGroupName: string;
}

/** Runtime → worker. */
export interface Invocation {
  /** Of this worker's events, which it may work on at the same time. */
  readonly jobId: number;
  readonly requestId: string;
  /** JSON text. */
  readonly event: string;
  readonly deadlineMs: number;
}

/** Worker → runtime. */
export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly jobId: number; readonly payload: string }
  | { readonly kind: 'error'; readonly jobId: number; readonly error: FunctionFailure };

/** As Lambda reports an error that a handler threw. */
export interface FunctionFailure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: string[];
}
