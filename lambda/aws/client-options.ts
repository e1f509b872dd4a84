/** One way to wait for AWS: short, so that a hanging call is retried well inside a function's own time-out. */
export const clientOptions = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
};

/** Builds `make()` at the first call and keeps it: clients live as long as the function's process. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
