type Env = Readonly<Record<string, string | undefined>>;

/** Set for a child that has no use once its parent is gone. */
export const exitWithParentVariable = 'HOLDFAST_EXIT_WITH_PARENT';

const lookEveryMs = 500;

/**
 * Ends this process in order, as SIGTERM does, once the process that started it is gone: npm and npx, which pass
 * signals on, cannot do that for SIGKILL, nor can the demo for what it started. Nothing happens to a process that was
 * started by hand or by a service manager.
 */
export function exitWithParent(env: Env): void {
  if (!env[exitWithParentVariable] && !env['npm_lifecycle_event']) return;
  const parentPid = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parentPid) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, lookEveryMs);
  timer.unref();
}
